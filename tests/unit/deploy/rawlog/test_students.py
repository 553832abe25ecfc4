"""Whose a raw record is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from deploy.rawlog.students import Students
from schemas.headers import RawHeaders, encode_headers


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


def test_the_digest_names_nobody() -> None:
    """Equal sets have one digest, others another one, and no set has an empty one."""
    one = Students(["7", "telemetry:t"]).digest

    assert one == Students(["telemetry:t", "07"]).digest != Students(["7"]).digest
    assert Students([]).digest == ""
