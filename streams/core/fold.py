"""How a batch or a streamed event changes a student's state (docs/semantics.md, "Documents").

A fact is told when its item is new to the state, whichever way it came; the document is always that of the newest
batch, and streamed items lie over it until a batch holds them or is later than them. So any order, repetition or
delay of batches and of the streamed events that they contain ends in the same state and the same facts.
"""

from __future__ import annotations

from bisect import insort
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streams.core.emit_facts import (
    INDEX_OF_KIND,
    ITEM_KINDS,
    emit_derived,
    emit_document,
    emit_start,
    emit_streamed,
    reconcile,
)
from streams.core.kept import kept_root
from streams.core.overlaid import Overlaid, find_step, order
from streams.core.progress import is_blank
from streams.core.state import Document, Overlay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.lines import FactLines
    from streams.core.state import State
    from streams.core.working_state import WorkingState

__all__ = ["BatchFate", "fold_batch", "fold_streamed", "root_over"]

# How far past its arrival a batch's clock may be before it no longer shuts out older batches (docs/semantics.md,
# "Stale batches").
_FUTURE_MS: Final = 5 * 60_000


class BatchFate(Enum):
    """What became of a batch."""

    STORED = auto()  # the document is the new one
    MERGED = auto()  # it has no steps; its keys lie over the stored document
    KEPT = auto()  # the stored document stays: the batch is older but told something new, or it is blank
    STALE = auto()  # it is older than the stored document and tells nothing


def _extent(document: Document) -> tuple[int, int]:
    told = sum(
        (step.opened is not None)
        + (step.completed is not None)
        + len(step.compilations)
        + len(step.tests)
        + len(step.interactions)
        + len(step.quizzes)
        for step in document.steps
    )
    return document.sessions, told


def _older(document: Document, stored: Document, mark: int | None) -> bool:
    """Whether a batch is older than the stored document of the same telemetry_id.

    Clients post before they set last_interaction_at, so two batches may share it: then the one that holds less is
    older.
    """
    if document.last is None or mark is None:
        return False
    if document.last == mark == stored.last:
        return _extent(document) < _extent(stored)
    return document.last < mark


def _holds(document: Document, item: Overlay) -> bool:
    """Whether the document has this streamed item."""
    index = find_step(document.steps, item.position, item.slug)
    if index is None:
        return False
    step = document.steps[index]
    if item.event == "open_step":
        return step.opened is not None
    return any(held.started == item.at for held in getattr(step, ITEM_KINDS[INDEX_OF_KIND[item.event]].attribute))


def _precedes(document: Document | None, item: Overlay) -> bool:
    """Whether an item came after the document; one that says nothing is an authority on nothing."""
    return document is None or document.last is None or item.at > document.last or is_blank(document)


def _lies_over(document: Document | None, item: Overlay) -> bool:
    return document is None or (_precedes(document, item) and not _holds(document, item))


def _lying_over(document: Document, overlay: list[Overlay]) -> list[Overlay]:
    """The items that lie over a document: those of which `_lies_over` says so, each list looked through once."""
    left, starts = [], dict[tuple[int, str], set[int | None]]()
    overlaid = Overlaid(document, [])
    for item in overlay:
        if not _precedes(document, item):
            continue
        index = overlaid.find(item)
        if index is not None:
            step = document.steps[index]
            if item.event == "open_step":
                if step.opened is not None:
                    continue
            else:
                if (index, item.event) not in starts:
                    held = getattr(step, ITEM_KINDS[INDEX_OF_KIND[item.event]].attribute)
                    starts[index, item.event] = {told.started for told in held}
                if item.at in starts[index, item.event]:
                    continue
        left.append(item)
    return left


def root_over(state: State, payload: Mapping[str, Any]) -> msgspec.Raw | None:
    """What lies over the stored document after a batch without steps, None where the batch replaces it."""
    if state.document is None or not state.document.steps or type(payload.get("steps")) is list:
        return None
    merged = msgspec.msgpack.decode(state.root) or {}
    return msgspec.Raw(msgspec.msgpack.encode(kept_root({**merged, **payload})))


def _merge_root(state: State, root: msgspec.Raw, payload: Mapping[str, Any], document: Document) -> None:
    stored = state.document
    assert stored is not None  # noqa: S101 - there is something that the root lies over
    state.root = root
    state.document = Document(
        document.telemetry_id or stored.telemetry_id,
        document.started if "tutorial_started_at" in payload else stored.started,
        document.last if "last_interaction_at" in payload else stored.last,
        document.sessions if "workout_session" in payload else stored.sessions,
        stored.steps,
    )


def fold_batch(
    working: WorkingState, payload: Mapping[str, Any], document: Document, arrival: int, facts: FactLines
) -> BatchFate:
    """Fold a batch into the state.

    `document` is the payload without its texts (streams.core.slim), `arrival` in milliseconds. What a document without
    steps brings is merged over a stored one that has them, and a blank one never takes progress away. Nothing has
    changed when it returns STALE.
    """
    state = working.state
    stored = state.document
    same = stored is not None and document.telemetry_id != "" and document.telemetry_id == stored.telemetry_id
    blank, progress = is_blank(document), stored is not None and not is_blank(stored)
    stale = same and stored is not None and (blank or progress) and _older(document, stored, state.mark)
    told = facts.count
    emit_document(state, payload, document, facts, stale=stale)
    if stale:
        if facts.count == told:
            return BatchFate.STALE
        reconcile(state, working.overlaid, facts)
        return BatchFate.KEPT
    root = root_over(state, payload)
    if blank and progress and root is None:
        return BatchFate.KEPT
    if document.last is not None and document.last <= (arrival + _FUTURE_MS) * 1000:
        state.mark = document.last
    elif not same:
        state.mark = None
    state.staff = msgspec.Raw(b"\xc0")
    if root is not None:
        _merge_root(state, root, payload, document)
        became = BatchFate.MERGED
    else:
        state.document = document
        state.root = msgspec.Raw(b"\xc0")
        became = BatchFate.STORED
    if state.overlay and state.document is not None:
        state.overlay = _lying_over(state.document, state.overlay)
    working.forget_overlaid()
    reconcile(state, working.overlaid, facts)
    return became


def fold_streamed(working: WorkingState, item: Overlay, details: str, facts: FactLines) -> None:
    """Fold a streamed item into the state; `details` are its fact's columns (streams.core.details)."""
    state = working.state
    emit_start(state, item.at, facts)
    overlaid = working.overlaid()
    steps = overlaid.document.steps
    index = overlaid.find(item)
    is_new = emit_streamed(state, item, None if index is None else steps[index], details, facts)
    # What was new to the state is in neither the document nor the overlay: both have been told.
    if is_new:
        lies_over = _precedes(state.document, item)
    else:
        lies_over = _lies_over(state.document, item) and not _repeats(state.overlay, item)
    if not lies_over:
        return
    if state.overlay and order(item) < order(state.overlay[-1]):
        insort(state.overlay, item, key=order)
        if overlaid.takes_late(item, index):
            overlaid.apply(item, index)
            return
        working.forget_overlaid()
        reconcile(state, working.overlaid, facts)
        return
    state.overlay.append(item)
    completed = overlaid.apply(item, index)
    if completed is not None:
        emit_derived(state, overlaid.document.steps[completed], facts)


def _repeats(overlay: list[Overlay], item: Overlay) -> bool:
    return item.event != "open_step" and any(
        other.at == item.at
        and other.event == item.event
        and other.slug == item.slug
        and other.position == item.position
        for other in overlay
    )
