"""What PostHog's clients send, as far as everybody who handles it must agree: whose an event is, and where events are.

A request holds one event (an object), a list of events, or an object with the list under `batch`. The gateway writes
what it holds of each student to the raw topic as an object: one event, or `batch` with what else counts of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.wire.names import name_of
from schemas.wire.webhook import normal_user_id, record_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LONGEST_NAME",
    "MAX_DISTINCT_ID",
    "REQUEST_FIELDS",
    "as_name",
    "distinct_id",
    "distinct_key",
    "events_of",
    "notebook_of",
]

# In characters: of events, notebooks, cells and the like.
LONGEST_NAME: Final = 128

# In characters; PostHog cuts distinct ids here as well.
MAX_DISTINCT_ID: Final = 200

# What else of a request with a batch counts: when it was sent (3.x clients: `sentAt`), and that it is an import.
REQUEST_FIELDS: Final = ("sent_at", "sentAt", "historical_migration")

_NOBODY: Final = b"posthog:"


def distinct_id(event: Any) -> str | None:
    """Whose an event is: its distinct id as text (digits normalised as user ids are), or None where it names nobody."""
    if type(event) is not dict:
        return None
    properties = event.get("properties")
    for holder, name in ((event, "distinct_id"), (event, "$distinct_id"), (properties, "distinct_id")):
        if type(holder) is dict and (text := normal_user_id(holder.get(name))) is not None:
            return text[:MAX_DISTINCT_ID].rstrip()
    return None


def as_name(value: Any) -> str:
    """A name of something (an event, a cell, a notebook) as text that fits a column; empty for what is none."""
    if type(value) is int:
        value = str(value)
    return name_of(value.strip()[:LONGEST_NAME].rstrip()) if type(value) is str else ""


def notebook_of(event: Any) -> str:
    """The notebook that an event names in its property `nb`, empty where it names none."""
    properties = event.get("properties") if type(event) is dict else None
    return as_name(properties.get("nb")) if type(properties) is dict else ""


def distinct_key(whose: str | None) -> bytes:
    """The raw record's key for a distinct id; events of nobody have one of their own."""
    return _NOBODY if whose is None else record_key(whose)


def events_of(payload: Mapping[str, Any]) -> list[Any]:
    """The events of a request or a record, in their order: those under `batch`, else the object itself."""
    if "batch" not in payload:
        return [payload]
    batch = payload["batch"]
    return batch if type(batch) is list else []
