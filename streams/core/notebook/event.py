"""One event of a notebook, read: names, times and sizes, whatever shape it has.

The names of properties are those that courses' packages send (docs/semantics.md, "Notebooks"): `nb` notebook, `sess`
session, `cell_id` cell, `ex` exercise, `ok` passed, `try` attempt, `ms` duration, `err` error, and their longer forms.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from schemas.times import parse_time
from schemas.wire.names import OTHER, error_type_of
from schemas.wire.notebook import as_name, distinct_id, notebook_of
from streams.core.notebook.properties import kept_properties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.policy import Policy

__all__ = ["CELL", "TEST", "Clock", "NotebookEvent", "Unreadable", "read_event"]

CELL: Final = "cell"
TEST: Final = "test"

_CELL_NAMES: Final = ("cell_id", "cell")
_EXERCISE_NAMES: Final = ("ex", "exercise", "exercise_name")
_PASSED_NAMES: Final = ("ok", "passed", "succeeded")
_DURATION_NAMES: Final = ("ms", "duration_ms")
_ATTEMPT_NAMES: Final = ("try", "attempt")
_CODE_NAMES: Final = ("code", "code_preview")
_ERROR_TYPE_NAMES: Final = ("error_type", "err_type")
_ERROR_NAMES: Final = ("err", "error")

_TRUE: Final = frozenset({"1", "true", "yes"})
# Of a whole message only this is taken: the rest may quote the student's code.
_LEADING_TYPE: Final = re.compile(
    r"([A-Za-z_][\w.]{0,50}(?:Error|Exception|Exit|Interrupt|Iteration|Warning))(?=:|\Z)", re.ASCII
)
_MAX_NUMBER: Final = (1 << 62) - 1

# A hundred years: longer than anything lasts, and an instant that long ago still fits 64 bits in microseconds.
_MAX_DURATION_MS: Final = 3_155_760_000_000

_DAY_US: Final = 86_400_000_000
# A clock is taken for right up to this much: a request may wait as long, on a bad line or to be sent again.
_TOLERANCE_US: Final = 2 * 60_000_000


class Unreadable(ValueError):  # noqa: N818 - it names the event, as in "an unreadable event"
    """Why an event cannot be taken, in a few words."""


class NotebookEvent(msgspec.Struct, frozen=True):
    """An event without its texts; `at` in microseconds, `duration` in milliseconds, `digest` its identity."""

    event: str
    notebook: str
    step: str
    session: str
    at: int
    succeeded: bool | None
    duration: int | None
    error_type: str
    code_bytes: int | None
    properties: bytes
    digest: bytes


class Clock(msgspec.Struct, frozen=True):
    """The clock of a request's sender: `arrival` and `skew` (what its clock lacks) in microseconds."""

    arrival: int
    skew: int

    @classmethod
    def of(cls, payload: Mapping[str, Any], params: Mapping[str, str] | None, arrival: int) -> Clock:
        """From `sent_at` (3.x: `sentAt`; browsers: the parameter `_`) and the arrival in milliseconds."""
        for value in (payload.get("sent_at"), payload.get("sentAt"), (params or {}).get("_")):
            sent = parse_time(value)
            if sent is not None:
                skew = arrival * 1000 - sent
                return cls(arrival * 1000, skew if abs(skew) >= _TOLERANCE_US else 0)
        return cls(arrival * 1000, 0)

    def instant(self, event: Mapping[str, Any], properties: Mapping[str, Any]) -> int:
        """When an event happened: its timestamp by a right clock, else its `offset` (ms) before the arrival, else then.

        Never after it arrived.
        """
        stamp = parse_time(event.get("timestamp"))
        offset = event.get("offset")
        at = self.arrival
        if stamp is not None:
            at = stamp if properties.get("$ignore_sent_at") is True else stamp + self.skew
        elif type(offset) is int and 0 <= offset < _DAY_US:
            at = self.arrival - offset * 1000
        return at if 0 <= at <= self.arrival else self.arrival


def _first(properties: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((properties[name] for name in names if properties.get(name) is not None), None)


def _step_names(event: str) -> tuple[str, ...]:
    return (*_CELL_NAMES, *_EXERCISE_NAMES) if event == CELL else (*_EXERCISE_NAMES, *_CELL_NAMES)


def _passed(value: Any) -> bool | None:
    if type(value) is str:
        return value.strip().lower() in _TRUE
    return None if value is None else bool(value)


def _number(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MAX_NUMBER else None


def _milliseconds(value: Any) -> int | None:
    number = _number(round(value, 0)) if type(value) is float else _number(value)
    return None if number is None or number > _MAX_DURATION_MS else number


def _error_type(properties: Mapping[str, Any]) -> str:
    named = error_type_of(_first(properties, _ERROR_TYPE_NAMES))
    if named and named != OTHER:
        return named
    message = _first(properties, _ERROR_NAMES)
    match = _LEADING_TYPE.match(message) if type(message) is str else None
    return named if match is None else error_type_of(match[1])


def _digest(event: Mapping[str, Any]) -> bytes:
    """The identity of an event: its uuid, else, of clients that send none, all that it says."""
    identity = event.get("uuid")
    text = (
        identity.strip().lower().encode("utf-8", "replace")
        if type(identity) is str and identity.strip()
        else orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    )
    return blake2b(text, digest_size=8).digest()


def read_event(event: Any, actor: str, clock: Clock, policy: Policy) -> NotebookEvent:
    """Read an event of a student; raises Unreadable for what is none, or another student's."""
    if type(event) is not dict:
        message = "it is not an object"
        raise Unreadable(message)
    name = as_name(event.get("event"))
    if not name:
        message = "it has no event name"
        raise Unreadable(message)
    if distinct_id(event) != actor:
        message = "it has another distinct id"
        raise Unreadable(message)
    properties = event.get("properties")
    if type(properties) is not dict:
        properties = {}
    code = _first(properties, _CODE_NAMES) if name == CELL else None
    attempt = _number(_first(properties, _ATTEMPT_NAMES))
    kept = kept_properties(properties, policy)
    if attempt is not None:
        kept["attempt"] = attempt
    return NotebookEvent(
        event=name,
        notebook=notebook_of(event),
        step=as_name(_first(properties, _step_names(name))),
        session=as_name(properties.get("sess")),
        at=clock.instant(event, properties),
        succeeded=_passed(_first(properties, _PASSED_NAMES)),
        duration=_milliseconds(_first(properties, _DURATION_NAMES)),
        error_type=_error_type(properties),
        code_bytes=len(code.encode("utf-8", "replace")) if type(code) is str else None,
        properties=orjson.dumps(kept),
        digest=_digest(event),
    )
