"""W3C trace context in the headers of records: of a webhook that is traced, and of what was computed from one. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TRACEPARENT", "Parent", "callers_parent", "followed", "read_parent"]

TRACEPARENT: Final = "traceparent"

_FORM: Final = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_INVALID_VERSION: Final = "ff"
_SAMPLED: Final = 1

# A record with one of these stands for an older one, whose headers it has.
_OF_COPIES: Final = frozenset({"id", "place", "retry-of"})

# What is older is read again: nobody looks at such a trace any more, and stores of traces take late spans badly.
_OLDEST_MS: Final = 3_600_000


class Parent(NamedTuple):
    """A span somewhere else: the numbers of its trace and of itself, and whether it is recorded."""

    trace_id: int
    span_id: int
    sampled: bool


def read_parent(text: str) -> Parent | None:
    """What a `traceparent` says; None if it is none."""
    form = _FORM.fullmatch(text)
    if form is None or form[1] == _INVALID_VERSION:
        return None
    trace_id, span_id = int(form[2], 16), int(form[3], 16)
    return Parent(trace_id, span_id, sampled=bool(int(form[4], 16) & _SAMPLED)) if trace_id and span_id else None


def callers_parent(value: bytes | None) -> str | None:
    """A caller's `traceparent` as a record keeps it: never sampled, for who calls decides nothing here.

    None if there is none, or none that is valid.
    """
    text = "" if value is None else value.decode("latin-1")
    return f"{text[:-2]}00" if read_parent(text) is not None else None


def followed(headers: Sequence[tuple[str, bytes]], written: int, now: int) -> str | None:
    """The `traceparent` of a record of our own topics whose trace goes on in whoever reads it; None of all others.

    `written` and `now` are milliseconds since 1970. What is older than an hour, sent again or copied has its trace
    behind it. The header is the last one wherever it is written, so that all others cost one look.
    """
    if not headers or headers[-1][0] != TRACEPARENT or now - written > _OLDEST_MS:
        return None
    text = headers[-1][1].decode("latin-1")
    parent = read_parent(text)
    if parent is None or not parent.sampled or any(name in _OF_COPIES for name, _ in headers):
        return None
    return text
