"""Dead letters as they travel."""

from __future__ import annotations

import hashlib

from schemas.wire.dead_letters import encode_letter

FIELDS: dict[str, str | int] = {"topic": "raw", "partition": 3, "offset": 7, "stage": "process", "reason": "né"}


def test_a_letter_is_the_record_and_where_it_comes_from() -> None:
    """Its own headers stay, but those that say of another letter what they say."""
    headers = [("source", b"learnpack"), ("dead-letter-size", b"1"), ("receipt", b"r")]

    value, sent = encode_letter(b"key", b"{}", headers, FIELDS, limit=1 << 20)

    assert value == b"{}"
    assert sent == [
        ("source", b"learnpack"),
        ("receipt", b"r"),
        ("dead-letter-topic", b"raw"),
        ("dead-letter-partition", b"3"),
        ("dead-letter-offset", b"7"),
        ("dead-letter-stage", b"process"),
        ("dead-letter-reason", "né".encode()),
    ]


def test_what_does_not_fit_is_cut() -> None:
    """Its size and SHA-256 are there instead, and all of it stays within the limit."""
    whole = b"x" * 100_000

    value, sent = encode_letter(b"key", whole, [], FIELDS, limit=50_000)

    headers = dict(sent)
    assert value is not None
    assert whole.startswith(value)
    assert 0 < len(value) + sum(len(name) + len(data) for name, data in sent) + len(b"key") <= 50_000
    assert headers["dead-letter-size"] == b"100000"
    assert headers["dead-letter-sha256"] == hashlib.sha256(whole).hexdigest().encode()


def test_a_letter_loses_the_keys_that_nobody_may_keep() -> None:
    """Its size says that it is not whole; what is cut of it then has no digest, which could confirm a guess."""
    value, sent = encode_letter(
        None, b'{"email":"a@b","event":"x"}', [], FIELDS, limit=1 << 20, redact=frozenset({"email"})
    )

    assert value == b'{"event":"x"}'
    assert dict(sent)["dead-letter-size"] == b"27"
    assert "dead-letter-sha256" not in dict(sent)


def test_nothing_is_no_value() -> None:
    """A record without a body is a letter without one."""
    value, sent = encode_letter(None, None, [], FIELDS, limit=1 << 20)

    assert value is None
    assert "dead-letter-size" not in dict(sent)
