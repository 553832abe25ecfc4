"""A streamed event as the item that it tells of (docs/semantics.md, "Streamed events")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.vocabulary import STREAMED_EVENTS
from schemas.wire.names import name_of
from streams.core.bounds import LONGEST_STEP
from streams.core.slim import slim_attempt, slim_interaction, slim_quiz
from streams.core.state import Overlay

if TYPE_CHECKING:
    from streams.core.webhook import Webhook

__all__ = ["item_of"]


def item_of(webhook: Webhook, now: int) -> Overlay | None:
    """The item of a streamed event, None for any other webhook.

    `now` (milliseconds) stands in for a missing time.
    """
    event = webhook.event
    if event not in STREAMED_EVENTS:
        return None
    payload = webhook.payload
    data = payload.get("data")
    data = data if type(data) is dict else {}
    position = payload.get("step_position", payload.get("stepPosition"))
    slug = payload.get("slug")
    slug = "" if slug is None else str(slug)
    item = Overlay(
        event,
        # What is too long is refused.
        name_of(slug) if len(slug) <= LONGEST_STEP else slug,
        position if type(position) is int and 0 <= position < 1 << 31 else None,
        now * 1000,
        now * 1000,
        webhook.id,
    )
    held: Any = None
    if event in ("compile", "test"):
        held = item.attempt = slim_attempt(data)
    elif event == "ai_interaction":
        held = item.interaction = slim_interaction(data)
    elif event == "quiz_submission":
        held = item.quiz = slim_quiz(data)
    if held is not None and held.started is not None:
        item.at = held.started
        item.touched = held.started if held.ended is None else held.ended
    return item
