"""What is told to others over HTTP: completions and students who are stuck, as messages of Standard Webhooks (pure).

A message's id says what it is about and nothing of when or by whom it was sent, so that whoever gets it again knows it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "COMPLETED",
    "FORWARD_TO",
    "MOST_BYTES",
    "STUCK",
    "Episode",
    "Kind",
    "Message",
    "MessageError",
    "Pause",
    "completion_message",
    "forwarder_of",
    "is_forwarder",
    "is_meant_for",
    "stage_of",
    "stuck_message",
]

COMPLETED: Final = "tutorial.completed"
STUCK: Final = "student.stuck"

# Of a record that is for one forwarder alone: a dead letter of its that is sent again.
FORWARD_TO: Final = "forward-to"

# A completion with a thousand tasks has 12 kB.
MOST_BYTES: Final = 256 << 10

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DIGITS: Final = 32
_STAGE: Final = "forward-"


class Kind(StrEnum):
    """What may be asked for, as `--kinds` and TELEMETRY_FORWARD_KINDS name it."""

    COMPLETIONS = "completions"
    STUCK = "stuck"


class MessageError(ValueError):
    """A record cannot be told to anybody; the text is the reason of its dead letter."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: `id` is the header of the same name, `student` whose messages keep their order."""

    id: str
    student: str
    body: bytes


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A student is stuck in a step, told once as long as the failures of this go on; times in milliseconds.

    `stuck_since` is the first of the failures since something last went well, `last_failure` the last that was known
    when it was told, at `told_at`.
    """

    user_id: int | None
    actor: str
    asset_slug: str
    step_slug: str
    step_position: int | None
    failures: int
    questions: int
    stuck_since: int
    last_failure: int
    last_error: dict[str, Any]
    told_at: int

    @property
    def place(self) -> tuple[str, str, str]:
        """Who is stuck, and where."""
        return self.actor, self.asset_slug, self.step_slug

    def encode(self) -> bytes:
        """The record's value."""
        return orjson.dumps(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, value: bytes | None) -> Episode:
        """Read a record's value back; raises MessageError."""
        try:
            return msgspec.convert(_object(value), cls)
        except (msgspec.ValidationError, RecursionError) as error:
            message = f"it is no episode of a student who is stuck: {error}"
            raise MessageError(message) from error


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """That a forwarder sends nothing, since an instant in milliseconds, and why."""

    reason: str
    at: int

    def encode(self) -> bytes:
        """The record's value."""
        return orjson.dumps(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, value: bytes | None) -> Pause | None:
        """Read a record's value back, None where it says that the forwarder sends; raises MessageError."""
        if not value:
            return None
        try:
            return msgspec.convert(_object(value), cls)
        except (msgspec.ValidationError, RecursionError) as error:
            message = f"it is no pause of a forwarder: {error}"
            raise MessageError(message) from error


def is_forwarder(name: str) -> bool:
    """Whether a forwarder may be called so: lower-case letters, digits and `-`, at most 40."""
    return _NAME.fullmatch(name) is not None


def is_meant_for(name: str, headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a forwarder of this name is to tell a record with these headers."""
    meant = dict(headers).get(FORWARD_TO)
    return meant is None or meant == name.encode()


def stage_of(name: str) -> str:
    """What dead letters of the forwarder of a name say of where they failed: each is told everything by itself."""
    return f"{_STAGE}{name}"


def forwarder_of(stage: str) -> str | None:
    """The name of the forwarder whose stage this is; None for any other stage."""
    return stage.removeprefix(_STAGE) if stage.startswith(_STAGE) else None


def completion_message(value: bytes | None) -> Message | None:
    """The message of a record of the completions; raises MessageError where it is none.

    Its id is that of student, tutorial and tasks: with other tasks it is another one. Of an anonymous run nothing is
    told (None): the batch that names its student completes the tutorial again, under the student.
    """
    record = _object(value)
    actor, slug, tasks, at = (record.get(name) for name in ("actor", "asset_slug", "tasks", "completed_at"))
    if type(actor) is not str or type(slug) is not str or type(tasks) is not list or type(at) is not int:
        message = "it is no completion: actor, asset_slug, tasks or completed_at are missing or of another kind"
        raise MessageError(message)
    if actor.startswith(ANONYMOUS):
        return None
    with _written():
        identity = [actor, slug, sorted(map(str, tasks))]
        return Message(_id("completion", identity), actor, _body(COMPLETED, at, record))


def stuck_message(value: bytes | None) -> Message:
    """The message of a record of students who are stuck; raises MessageError where it is none."""
    episode = Episode.decode(value)
    with _written():
        record = msgspec.to_builtins(episode) | {"stuck_since": _iso(episode.stuck_since)}
        record |= {"last_failure": _iso(episode.last_failure)}
        del record["told_at"]
        identity = [*episode.place, episode.stuck_since]
        return Message(_id("stuck", identity), episode.actor, _body(STUCK, episode.told_at, record))


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """What can be read of a record need not be writable: orjson reads deeper than it writes."""
    try:
        yield
    except (orjson.JSONEncodeError, RecursionError) as error:
        message = f"it cannot be written as a message: {error}"
        raise MessageError(message) from error


def _object(value: bytes | None) -> dict[str, Any]:
    if len(value or b"") > MOST_BYTES:
        message = f"it has {len(value or b'')} bytes, more than the {MOST_BYTES} that are forwarded"
        raise MessageError(message)
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        message = f"it is no JSON: {error}"
        raise MessageError(message) from error
    if type(record) is not dict:
        message = "it is no JSON object"
        raise MessageError(message)
    return record


def _id(prefix: str, identity: list[Any]) -> str:
    return f"{prefix}_{hashlib.sha256(orjson.dumps(identity)).hexdigest()[:_DIGITS]}"


def _body(kind: str, at: int, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "timestamp": _iso(at), "data": data})


def _iso(milliseconds: int) -> str:
    try:
        instant = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = f"{milliseconds} is no time"
        raise MessageError(message) from error
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
