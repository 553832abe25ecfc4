"""Shapes what the core returned for a chunk into Kafka messages below the size limit (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.wire.derived import FIRST_OFFSET, LAST_OFFSET
from schemas.wire.traces import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


__all__ = ["Headers", "Message", "OversizeError", "keyed", "pack", "source_headers"]

# Room for the headers and the record's own framing.
_OVERHEAD: Final = 4 << 10

Headers = list[tuple[str, bytes]]


class OversizeError(Exception):
    """One line, document or state alone exceeds what a topic takes."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} of {size} bytes exceeds the limit of {limit} bytes")
        self.what, self.size, self.limit = what, size, limit


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka record to send; `timestamp` in milliseconds since 1970, None for now."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int | None = None


def source_headers(first: int, last: int, traceparent: str | None = None) -> Headers:
    """The raw offsets that a packed message was computed from, and the trace in which it was, if it is in one."""
    headers = [(FIRST_OFFSET, b"%d" % first), (LAST_OFFSET, b"%d" % last)]
    return headers if traceparent is None else [*headers, (TRACEPARENT, traceparent.encode())]


def pack(what: str, lines: Sequence[bytes], headers: Headers, limit: int) -> Iterator[Message]:
    """Join JSON lines with newlines into as few messages as fit.

    Raises OversizeError if a single line does not fit.
    """
    room = limit - _OVERHEAD
    start, size = 0, 0
    for index, line in enumerate(lines):
        if len(line) > room:
            raise OversizeError(what, len(line), room)
        if index > start and size + len(line) + 1 > room:
            yield Message(None, b"\n".join(lines[start:index]), headers)
            start, size = index, 0
        size += len(line) + 1
    if len(lines) > start:
        yield Message(None, b"\n".join(lines[start:]), headers)


def keyed(what: str, records: Iterable[tuple[bytes, bytes | None, Headers]], limit: int) -> list[Message]:
    """One message a record of key, value and headers; None is a tombstone.

    Raises OversizeError if a record does not fit.
    """
    room, messages = limit - _OVERHEAD, []
    for key, value, headers in records:
        size = len(key) + (len(value) if value is not None else 0)
        if size > room:
            raise OversizeError(what, size, room)
        messages.append(Message(key, value, headers))
    return messages
