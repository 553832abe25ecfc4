"""Whose a raw record is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from operations.raw_log.students import Students
from schemas.wire.headers import RawHeaders, encode_headers
from tests.support.odd_bodies import ODD_BODIES


@dataclass
class Stored:
    """A record as Kafka gives it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def stored(value: bytes | None, key: bytes | None = b"k", **headers: Any) -> Stored:
    """A record with the gateway's headers."""
    return Stored(key, value, encode_headers(RawHeaders(**headers)))


@pytest.mark.parametrize(
    ("record", "whose"),
    [
        (stored(b"{}", key=b"7"), True),
        (stored(b'{"user_id": " 07"}'), True),
        (stored(b'{"user_id": 77}'), False),
        (stored(b'{"telemetry_id": "t"}'), True),
        (stored(b'{"telemetry_id": "t", "user_id": 8}'), False),
        (stored(b"{}", params={"user_id": "7"}), True),
        (stored(b'{"user_id": 7}', params={"user_id": "8"}), False),
        (stored(b"{}", principal="7"), True),
        (stored(b'{"user_id": 8}', principal="7"), True),
        (stored(b'{"user_id": 8}', principal="7", capabilities=("crud_telemetry",)), False),
        (stored(b"no JSON"), False),
        (stored(b"[7]"), False),
        (stored(None), False),
        (Stored(b"k", b'{"user_id": 7}', [("academy", b"one")]), True),
    ],
)
def test_a_record_is_told_by_key_actor_and_token(record: Stored, whose: bool) -> None:  # noqa: FBT001 - expected
    """By its key, by the user of the merged payload, and by the token that spoke in another's name."""
    assert Students(["7", "telemetry:t"]).wrote(record) is whose


@pytest.mark.parametrize(
    ("record", "whose"),
    [
        (stored(b'{"event": "cell", "distinct_id": " jUAN de la Cruz"}', source="posthog"), "jUAN de la Cruz"),
        (
            stored(b'{"batch": [{"event": "cell", "distinct_id": "Juan de la Cruz"}]}', source="posthog"),
            "Juan de la Cruz",
        ),
        (stored(b"[", key=b"Juan de la Cruz", source="posthog"), "Juan de la Cruz"),
        (stored(b'{"command": "student.forget", "user_id": "JUAN DE LA CRUZ"}', source="staff"), "JUAN DE LA CRUZ"),
        (stored(b'{"event": "cell", "distinct_id": "Juan"}', source="posthog"), None),
        (stored(b'{"user_id": "Juan de la Cruz"}'), None),
        (stored(b'{"event": "cell", "distinct_id": "7"}', source="posthog"), "7"),
    ],
)
def test_a_notebook_s_record_is_told_by_the_student_s_name(record: Stored, whose: str | None) -> None:
    """Upper and lower case are one, and a document's user of that name is somebody else."""
    assert Students(["7"], ["juan de la cruz"]).owner(record) == whose


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_any_body_is_told(body: bytes | None) -> None:
    """Whatever the body is, whose the record is is answered, and a key that names the student is enough."""
    assert Students(["203"]).wrote(stored(body, key=b"203"))
    assert Students(["nobody"]).wrote(stored(body)) is False


def test_the_digest_names_nobody() -> None:
    """Equal sets have one digest, others another one, and no set has an empty one."""
    one = Students(["7", "telemetry:t"]).digest

    assert one == Students(["telemetry:t", "07"]).digest != Students(["7"]).digest
    assert Students([]).digest == ""


@pytest.mark.parametrize("word", ["guest", "0", "undefined"])
def test_a_word_for_nobody_is_not_whoever_names_nobody(word: str) -> None:
    """What an earlier release kept under it has it as its key; others' webhooks without a student are not touched."""
    students = Students([word])

    assert students.wrote(stored(b'{"user_id": "%b"}' % word.encode(), key=word.encode()))
    assert not students.wrote(stored(b'{"user_id": "%b"}' % word.encode(), key=b"asset:"))
    assert not students.wrote(stored(b"{}", key=b"asset:"))
