"""How much is kept of one student and one tutorial, so that no client's data makes a state too large to be written.

All of it is far above real use: of 206 documents found, the largest has 528 items in 22 steps, its state takes 8 kB.
What would pass a bound is refused whole, with a text, before anything is told of it; so nothing that was told is ever
forgotten, and there is no state between the two. Only the starts of items that facts have been told of are let go,
the oldest first (`let_go`): what began no later than the newest of those counts as told from then on.

docs/semantics.md, "Bounds".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas import vocabulary as texts
from streams.core.emit_facts import ITEM_KINDS, step_key
from streams.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from streams.core.state import Document, Overlay, State
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = [
    "ITEMS",
    "LARGEST",
    "LONGEST_NAME",
    "LONGEST_STEP",
    "NAMES",
    "ROOT",
    "STEPS",
    "STREAMED",
    "check_batch",
    "check_document",
    "check_item",
    "check_names",
    "check_streamed",
]

# In bytes of UTF-8: who, which tutorial, which run; and the names of steps, of which there are many.
LONGEST_NAME: Final = 255
LONGEST_STEP: Final = 128

# Of a document; items are compilations, tests, questions to the tutor, quiz submissions and elements to test.
STEPS: Final = 500
ITEMS: Final = 5_000
# Streamed items that no document holds yet.
STREAMED: Final = 5_000
# Steps that facts have been told of, under whatever names a tutorial had; and the starts of their items.
NAMES: Final = 2_000
# Bytes of what batches without steps lay over a document.
ROOT: Final = 64 << 10

# Bytes of a state as it is stored: none that keeps to these bounds is larger, one of an earlier release may be. Its
# next batch makes it smaller.
LARGEST: Final = 8 << 20

# No text of so few characters is longer than LONGEST_NAME or LONGEST_STEP.
_SURELY_SHORT: Final = LONGEST_STEP // 4

_LISTS: Final = (*(kind.field for kind in ITEM_KINDS), "testeable_elements")
_NAMED: Final = ("user_id", "slug", "package_slug", "telemetry_id")


def _check_length(text: str, what: str, most: int) -> None:
    if len(text) > _SURELY_SHORT and len(text.encode("utf-8", "replace")) > most:
        raise Refused(texts.too_long(what, most))


def _check_count(what: str, count: int, most: int) -> None:
    if count > most:
        raise Refused(texts.too_many(what, count, most))


def check_names(webhook: Webhook) -> None:
    """Refuse a webhook whose names cannot be kept: keys and all its facts would hold them."""
    payload = webhook.payload
    for name in _NAMED:
        value = payload.get(name)
        if type(value) is str:
            _check_length(value, name, LONGEST_NAME)
    if webhook.actor is not None:
        # A user id may be any JSON value.
        _check_length(webhook.actor, "user_id", LONGEST_NAME)


def check_document(payload: Mapping[str, Any]) -> None:
    """Refuse a batch whose document is too large; it looks at sizes only, before anything is read."""
    steps = payload.get("steps")
    if type(steps) is not list:
        return
    _check_count("steps", len(steps), STEPS)
    items = 0
    for step in steps:
        if type(step) is dict:
            slug = step.get("slug")
            if type(slug) is str:
                _check_length(slug, "a step's slug", LONGEST_STEP)
            for field in _LISTS:
                held = step.get(field)
                if held and type(held) is list:
                    items += len(held)
    _check_count("items", items, ITEMS)


def check_batch(state: State, document: Document, root: msgspec.Raw | None) -> None:
    """Refuse a batch that the state cannot take; `root` is what would then lie over the document."""
    if root is not None:
        _check_count("bytes beside the steps", len(root), ROOT)
    if len(state.seen) + len(document.steps) > NAMES:
        names = state.seen.keys() | {step_key(step) for step in document.steps}
        _check_count("names of steps", len(names), NAMES)


def check_item(item: Overlay) -> None:
    """Refuse a streamed item that cannot be kept."""
    _check_length(item.slug, "a step's slug", LONGEST_STEP)


def check_streamed(working: WorkingState, item: Overlay) -> None:
    """Refuse a streamed item that the state cannot take."""
    state = working.state
    _check_count("streamed items since the last batch", len(state.overlay) + 1, STREAMED)
    _check_count("bytes of this tutorial", working.size, LARGEST)
    steps = working.overlaid().document.steps
    if len(steps) >= STEPS or len(state.seen) >= NAMES:
        step = working.step_of(item)
        if step is None:
            _check_count("steps", len(steps) + 1, STEPS)
        if step is None or step_key(step) not in state.seen:
            _check_count("names of steps", len(state.seen) + 1, NAMES)
