"""Dead letters."""

from __future__ import annotations

import hashlib

from streams.core.errors import Undecodable
from streams.dead_letters import DeadLetter, describe, letter
from tests.unit.streams.records import record


def test_a_letter_keeps_the_record_and_says_where_it_was() -> None:
    """Key, value and headers are the record's; ours come after them."""
    lost = record(7, b"\xff\x00", headers=(("source", b"learnpack"),))

    message = letter(DeadLetter(lost, "decode", "no JSON", "trace"), 1 << 20)

    assert (message.key, message.value) == (lost.key, lost.value)
    assert message.headers == [
        ("source", b"learnpack"),
        ("dead-letter-topic", b"raw"),
        ("dead-letter-partition", b"3"),
        ("dead-letter-offset", b"7"),
        ("dead-letter-timestamp", b"1007"),
        ("dead-letter-stage", b"decode"),
        ("dead-letter-reason", b"no JSON"),
        ("dead-letter-traceback", b"trace"),
    ]


def test_a_value_that_does_not_fit_leaves_its_hash_and_size() -> None:
    """What is kept of an oversize record fits, and tells which one it was."""
    value = b"x" * 100_000

    message = letter(DeadLetter(record(7, value), "size", "too large"), 50_000)

    headers = dict(message.headers)
    assert message.value is not None
    assert 0 < len(message.value) < 50_000
    assert headers["dead-letter-size"] == b"100000"
    assert headers["dead-letter-sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_what_the_core_refuses_needs_no_traceback() -> None:
    """A record that cannot be decoded is described by the core itself."""
    dead = describe(record(1), Undecodable("headers", "academy is\nnot digits"))

    assert (dead.stage, dead.reason, dead.traceback) == ("headers", "academy is not digits", "")


def test_what_makes_the_core_raise_comes_with_the_traceback() -> None:
    """A bug is found by its traceback, which is bounded."""
    try:
        raise RuntimeError("boom" + "!" * 20_000)  # noqa: TRY301 - a bug words itself
    except RuntimeError as error:
        dead = describe(record(1), error)

    assert dead.stage == "process"
    assert dead.reason.startswith("RuntimeError: boom!")
    assert len(dead.reason) <= 1_000
    assert 0 < len(dead.traceback) <= 8_000
