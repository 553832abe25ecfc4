"""Events as they travel: one JSON object each, in the shape of PostHog's capture calls, that any server can parse."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timezone
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

__all__ = ["MAX_EVENT_BYTES", "TooLargeError", "batch_body", "encode", "plain"]

MAX_EVENT_BYTES: Final = 16_384

_MAX_TEXT = 1_000
_MAX_ITEMS = 100
_MAX_DEPTH = 5
# JavaScript, and so many a parser of JSON, is exact up to here; beyond it a float says enough.
_MAX_INTEGER = 2**53


class TooLargeError(ValueError):
    """An event has more than MAX_EVENT_BYTES."""


def plain(value: object, depth: int = _MAX_DEPTH) -> Any:
    """`value` as JSON can hold it.

    Texts are cut at 1,000 characters, collections at 100 items and below five levels; what JSON has no form for
    (a set, a data frame, a number that is not finite) becomes the name of its type.
    """
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, dict) and depth:
        return {str(plain(key, 0)): plain(item, depth - 1) for key, item in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, list | tuple) and depth:
        return [plain(item, depth - 1) for item in value[:_MAX_ITEMS]]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> str | float | bool | None:
    shown: str | float | bool | None = f"<{type(value).__name__}>"
    if value is None or isinstance(value, bool):
        shown = value
    elif isinstance(value, str):
        # A lone surrogate, as in a broken file name, is no valid JSON for most parsers.
        shown = value[:_MAX_TEXT].encode("utf-8", "replace").decode()
    elif isinstance(value, Integral) and abs(int(value)) <= _MAX_INTEGER:
        shown = int(value)
    elif isinstance(value, Real) and (number := _finite(value)) is not None:
        shown = number
    elif isinstance(value, date | datetime | time):
        shown = value.isoformat()
    return shown


def _finite(value: Real) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def encode(event: str, student: str, properties: Mapping[str, object], occurred_at: datetime, uuid: UUID) -> bytes:
    """One event; `uuid` is its identity, so that an event that is sent again is not counted again.

    Raises:
        TooLargeError: It has more than MAX_EVENT_BYTES.
    """
    encoded = _json(
        {
            "event": plain(event),
            "distinct_id": student,
            "properties": plain(dict(properties)),
            "timestamp": _stamp(occurred_at),
            "uuid": str(uuid),
        }
    )
    if len(encoded) > MAX_EVENT_BYTES:
        message = f"the event has {len(encoded)} bytes, {MAX_EVENT_BYTES} may be sent"
        raise TooLargeError(message)
    return encoded


def batch_body(api_key: str, events: Sequence[bytes], sent_at: datetime) -> bytes:
    """The body of a call that sends encoded events; `sent_at` lets the server correct this machine's clock."""
    head = _json({"api_key": api_key, "sent_at": _stamp(sent_at)})
    return head[:-1] + b',"batch":[' + b",".join(events) + b"]}"


def _json(value: object) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
