"""The facts of a notebook: one for each event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.times import sql_time
from streams.core.lines import LATEST_MS, item_id

if TYPE_CHECKING:
    from streams.core.notebook.event import NotebookEvent
    from streams.core.webhook import Webhook

__all__ = ["fact_line"]

_SOURCE: Final = "notebook"


def fact_line(
    event: NotebookEvent, webhook: Webhook, *, actor: str, user_id: int | None, asset_id: int | None, ordinal: int
) -> bytes:
    """The fact of an event as one JSON line; its identity is that of the event within student, notebook and step."""
    milliseconds = event.at // 1000
    row: dict[str, Any] = {
        "event": event.event,
        "occurred_at": sql_time(milliseconds if 0 <= milliseconds < LATEST_MS else webhook.arrival),
        "received_at": sql_time(webhook.arrival),
        "academy_id": webhook.academy,
        "user_id": user_id,
        "actor": actor,
        "telemetry_id": "",
        "asset_slug": event.notebook,
        "asset_id": asset_id,
        "package_id": None,
        "step_slug": event.step,
        "step_position": None,
        "exit_code": None,
        "succeeded": event.succeeded,
        "duration_ms": event.duration,
        "error_type": event.error_type,
        "code_bytes": event.code_bytes,
        "output_bytes": None,
        "source": _SOURCE,
        "properties": orjson.Fragment(event.properties),
        "webhook_id": webhook.id,
        "ordinal": ordinal,
        "item_id": item_id(actor, event.notebook, event.step, event.event, int.from_bytes(event.digest, "big")),
        "version": webhook.version,
        "deleted": 0,
    }
    return orjson.dumps(row)
