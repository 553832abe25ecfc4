"""How a batch or a streamed event changes a student's state, and which facts that tells.

A fact is told when its item is new to the state, whichever way it came; the document is always that of the newest
batch, and streamed items lie over it until a batch holds them or is later than them. So any order, repetition or
delay of batches and of the streamed events that they contain ends in the same state and the same facts.
"""

from __future__ import annotations

from bisect import insort
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streams.core.details import (
    NOTHING,
    attempt_details,
    completion_details,
    interaction_details,
    quiz_details,
)
from streams.core.slim import items_of, steps_of
from streams.core.state import Document, Overlay, Seen
from streams.core.view import View, find_step, order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.core.lines import FactLines
    from streams.core.state import State, Step

__all__ = ["KINDS", "Batch", "Live", "fold_batch", "fold_streamed", "step_key"]

# How far past its arrival a batch's clock may be before it no longer shuts out older batches (learnpack.md, "Stale
# batch").
_FUTURE_MS: Final = 5 * 60_000

_DERIVED: Final = 1
_CONFIRMED: Final = 2

# The kinds of items: the fact's event, the document's list, the attribute of Step and Seen, and the fact's columns.
KINDS: Final[tuple[tuple[str, str, str, Callable[[Any, Mapping[str, Any]], str]], ...]] = (
    ("compile", "compilations", "compilations", attempt_details),
    ("test", "tests", "tests", attempt_details),
    ("ai_interaction", "ai_interactions", "interactions", interaction_details),
    ("quiz_submission", "quiz_submissions", "quizzes", quiz_details),
)
_KIND_OF: Final = {event: place for place, (event, *_) in enumerate(KINDS)}


class Batch(Enum):
    """What became of a batch."""

    STORED = auto()  # the document is the new one
    MERGED = auto()  # it has no steps; its keys lie over the stored document
    KEPT = auto()  # it is older than the stored document, but told something new
    STALE = auto()  # it is older than the stored document and tells nothing


class Live:
    """A state while a chunk works on it.

    `changed` since the chunk began, `dirty` until its scores are written, `graded` as its last webhook found it.
    """

    __slots__ = ("_view", "actor", "asset_slug", "changed", "dirty", "graded", "state")

    def __init__(self, actor: str, asset_slug: str, state: State) -> None:
        self.actor = actor
        self.asset_slug = asset_slug
        self.state = state
        self.graded = True
        self.dirty = False
        self.changed = False
        self._view: View | None = None

    @property
    def view(self) -> View:
        """The document with its streamed items on top."""
        if self._view is None:
            self._view = View(self.state.document, self.state.overlay)
        return self._view

    def forget_view(self) -> None:
        """The document or the order of the items has changed: lay them anew when asked."""
        self._view = None


def step_key(step: Step) -> str:
    """What identifies a step within its tutorial: its slug, else its position."""
    slug = step.slug
    return str(slug) if slug is not None and slug != "" else f"#{step.position}"


def _seen(state: State, key: str) -> Seen:
    seen = state.seen.get(key)
    if seen is None:
        seen = state.seen[key] = Seen()
    return seen


def _new_items(items: Sequence[Any], known: list[int], untimed: int) -> tuple[list[int], int]:
    """The indexes of the new items, whose starts are added to `known`, and the count of items without one."""
    starts = [item.started for item in items]
    told = len(known)
    if starts[:told] == known:
        fresh = starts[told:]
        if None not in fresh and len(set(fresh)) == len(fresh) and not set(fresh).intersection(known):
            known.extend(fresh)
            return list(range(told, len(starts))), untimed
    already = set(known)
    new, without = [], 0
    for index, start in enumerate(starts):
        if start is None:
            without += 1
            if without > untimed:
                new.append(index)
        elif start not in already:
            already.add(start)
            known.append(start)
            new.append(index)
    return new, max(untimed, without)


def _tell_items(step: Step, key: str, seen: Seen, source: Mapping[str, Any], facts: FactLines) -> None:
    for place, (event, field, attribute, details) in enumerate(KINDS):
        items = getattr(step, attribute)
        if not items:
            continue
        new, untimed = _new_items(items, getattr(seen, attribute), seen.untimed[place])
        if untimed != seen.untimed[place]:
            seen.untimed = (*seen.untimed[:place], untimed, *seen.untimed[place + 1 :])
        if new:
            sources = items_of(source, field)
            for index in new:
                item = items[index]
                facts.write(event, key, step.position, item.started, details(item, sources[index]), own=item.started)


def _tell_document(
    state: State, payload: Mapping[str, Any], document: Document, facts: FactLines, *, stale: bool
) -> None:
    if not state.started:
        state.started = True
        facts.write("start_tutorial", "", None, document.started, NOTHING, once=True)
    if not document.steps:
        return
    sources = steps_of(payload)
    told = state.document.steps if state.document is not None else []
    for index, step in enumerate(document.steps):
        # What the stored document says of a step has been told.
        if index < len(told) and told[index] == step:
            continue
        if (
            step.opened is None
            and step.completed is None
            and not (step.compilations or step.tests or step.interactions or step.quizzes)
        ):
            continue
        key = step_key(step)
        seen = _seen(state, key)
        if step.opened is not None and not seen.opened:
            seen.opened = True
            facts.write("open_step", key, step.position, step.opened, NOTHING, once=True)
        _tell_items(step, key, seen, sources[index], facts)
        if step.completed is not None:
            if not seen.completed:
                _tell_completed(step, key, facts)
                seen.completed = _CONFIRMED
            elif not stale:
                seen.completed = _CONFIRMED


def _tell_completed(step: Step, key: str, facts: FactLines) -> None:
    details = completion_details(step.opened, step.completed)
    facts.write("complete_step", key, step.position, step.completed, details, once=True)


def _reconcile(live: Live, facts: FactLines) -> None:
    """Tell the completions that follow from streamed items, and take back those that no longer do."""
    state = live.state
    if not state.overlay and not any(seen.completed == _DERIVED for seen in state.seen.values()):
        return
    completed = {}
    for step in live.view.document.steps:
        if step.completed is not None:
            completed[step_key(step)] = step
    for key, step in completed.items():
        seen = _seen(state, key)
        if not seen.completed:
            seen.completed = _DERIVED
            _tell_completed(step, key, facts)
    for key, seen in state.seen.items():
        if seen.completed == _DERIVED and key not in completed:
            seen.completed = 0
            facts.write("complete_step", key, None, None, NOTHING, once=True, deleted=True)


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
    return any(held.started == item.at for held in getattr(step, KINDS[_KIND_OF[item.event]][2]))


def _lies_over(document: Document | None, item: Overlay) -> bool:
    if document is None:
        return True
    return (document.last is None or item.at > document.last) and not _holds(document, item)


def _root(state: State, payload: Mapping[str, Any]) -> msgspec.Raw:
    merged = msgspec.msgpack.decode(state.root) or {}
    merged.update(payload)
    merged.pop("steps", None)
    return msgspec.Raw(msgspec.msgpack.encode(merged))


def _merge_root(state: State, payload: Mapping[str, Any], document: Document) -> None:
    stored = state.document
    assert stored is not None  # noqa: S101 - the caller's condition
    state.root = _root(state, payload)
    state.document = Document(
        document.telemetry_id or stored.telemetry_id,
        document.started if "tutorial_started_at" in payload else stored.started,
        document.last if "last_interaction_at" in payload else stored.last,
        document.sessions if "workout_session" in payload else stored.sessions,
        stored.steps,
    )


def fold_batch(live: Live, payload: Mapping[str, Any], document: Document, arrival: int, facts: FactLines) -> Batch:
    """Fold a batch into the state.

    `document` is the payload without its texts (streams.core.slim), `arrival` in milliseconds. What a document without
    steps brings is merged over a stored one that has them. Nothing has changed when it answers STALE.
    """
    state = live.state
    stored = state.document
    same = stored is not None and document.telemetry_id != "" and document.telemetry_id == stored.telemetry_id
    stale = same and stored is not None and _older(document, stored, state.mark)
    told = facts.count
    _tell_document(state, payload, document, facts, stale=stale)
    if stale:
        if facts.count == told:
            return Batch.STALE
        _reconcile(live, facts)
        return Batch.KEPT
    if document.last is not None and document.last <= (arrival + _FUTURE_MS) * 1000:
        state.mark = document.last
    elif not same:
        state.mark = None
    state.staff = msgspec.Raw(b"\xc0")
    if stored is not None and stored.steps and type(payload.get("steps")) is not list:
        _merge_root(state, payload, document)
        answer = Batch.MERGED
    else:
        state.document = document
        state.root = msgspec.Raw(b"\xc0")
        answer = Batch.STORED
    newest = state.document
    if state.overlay:
        state.overlay = [item for item in state.overlay if _lies_over(newest, item)]
    live.forget_view()
    _reconcile(live, facts)
    return answer


def fold_streamed(live: Live, item: Overlay, details: str, facts: FactLines) -> None:
    """Fold a streamed item into the state; `details` are its fact's columns (streams.core.details)."""
    state = live.state
    if not state.started:
        state.started = True
        facts.write("start_tutorial", "", None, item.at, NOTHING, once=True)
    view = live.view
    steps = view.document.steps
    index = find_step(steps, item.position, item.slug)
    key = step_key(steps[index]) if index is not None else item.slug or f"#{item.position}"
    position = steps[index].position if index is not None else item.position
    _tell_streamed(item, key, position, _seen(state, key), details=details, facts=facts)
    if not _lies_over(state.document, item) or _repeats(state.overlay, item):
        return
    if state.overlay and order(item) < order(state.overlay[-1]):
        insort(state.overlay, item, key=order)
        live.forget_view()
        _reconcile(live, facts)
        return
    state.overlay.append(item)
    completed = view.apply(item)
    if completed is not None:
        step = view.document.steps[completed]
        seen = _seen(state, step_key(step))
        if not seen.completed:
            seen.completed = _DERIVED
            _tell_completed(step, step_key(step), facts)


def _repeats(overlay: list[Overlay], item: Overlay) -> bool:
    return item.event != "open_step" and any(
        other.at == item.at
        and other.event == item.event
        and other.slug == item.slug
        and other.position == item.position
        for other in overlay
    )


def _tell_streamed(
    item: Overlay, key: str, position: int | None, seen: Seen, *, details: str, facts: FactLines
) -> None:
    if item.event == "open_step":
        if not seen.opened:
            seen.opened = True
            facts.write("open_step", key, position, item.at, details, once=True)
        return
    place = _KIND_OF[item.event]
    start = item.own_start
    if start is None:
        seen.untimed = (*seen.untimed[:place], seen.untimed[place] + 1, *seen.untimed[place + 1 :])
    else:
        known = getattr(seen, KINDS[place][2])
        if start in known:
            return
        known.append(start)
    facts.write(item.event, key, position, item.at, details, own=start)
