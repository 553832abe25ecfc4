"""Whom a log says that `forget` has erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from operations.raw_log.erased import Erased
from operations.raw_log.students import Students
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.staff import DeleteCommand, ForgetCommand, encode_command


@dataclass
class Stored:
    """A record as Kafka gives it."""

    value: bytes | None
    headers: list[tuple[str, bytes]]
    key: bytes | None = b"k"


def stored(value: bytes | None, source: Any = "staff") -> Stored:
    """A record with the headers of its source."""
    return Stored(value, encode_headers(RawHeaders(source=source)))


def forgets(actor: str) -> bytes:
    """The command that `forget` writes for an actor."""
    return encode_command(ForgetCommand("student.forget", actor, ["a"], []))


def test_who_was_erased_is_told_by_staffs_commands_alone() -> None:
    """Once each; not of whom is left out, and not where somebody else's body looks like the command."""
    erased = Erased()
    keep = erased.besides(Students(["7"]))

    kept = [
        stored(forgets("9")),
        stored(forgets("telemetry:t")),
        stored(forgets("9")),
        stored(forgets("8"), source="learnpack"),
        stored(encode_command(DeleteCommand("webhook.delete", 5))),
        stored(b'"student.forget" and no JSON'),
        stored(b'["student.forget"]'),
        stored(b'{"command": "student.forget"}'),
        stored(None),
    ]

    assert all(keep(record) for record in kept)
    assert not keep(stored(forgets("7")))
    assert erased.actors == ["9", "telemetry:t"]
