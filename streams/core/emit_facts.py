"""The facts of a document, a streamed item or a completion: those that no webhook before it has told.

docs/semantics.md, "Facts" and "Completed steps".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.vocabulary import agent_of
from streams.core.details import (
    NOTHING,
    attempt_details,
    completion_details,
    interaction_details,
    opening_details,
    properties_details,
    quiz_details,
)
from streams.core.sessions import emit_sessions
from streams.core.slim import items_of, steps_of
from streams.core.state import NO_FLOORS, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.core.lines import FactLines
    from streams.core.overlaid import Overlaid
    from streams.core.state import Document, Overlay, State, Step

__all__ = [
    "INDEX_OF_KIND",
    "ITEM_KINDS",
    "emit_derived",
    "emit_document",
    "emit_start",
    "emit_streamed",
    "reconcile",
    "step_key",
]

_DERIVED: Final = 1
_CONFIRMED: Final = 2
_NO_FLOOR: Final = NO_FLOORS[0]


class ItemKind(NamedTuple):
    """A kind of items that a step has.

    Attributes:
        event: The event of their facts, and of the webhook that streams one.
        field: The list of a step in the document as clients send it.
        attribute: The list of Step and of Seen.
        details: The columns of an item's fact, from the slim item and the one that was sent.
    """

    event: str
    field: str
    attribute: str
    details: Callable[[Any, Mapping[str, Any]], str]


# In this order Seen has its counts and floors.
ITEM_KINDS: Final = (
    ItemKind("compile", "compilations", "compilations", attempt_details),
    ItemKind("test", "tests", "tests", attempt_details),
    ItemKind("ai_interaction", "ai_interactions", "interactions", interaction_details),
    ItemKind("quiz_submission", "quiz_submissions", "quizzes", quiz_details),
)
INDEX_OF_KIND: Final = {kind.event: nth for nth, kind in enumerate(ITEM_KINDS)}


def step_key(step: Step) -> str:
    """What identifies a step within its tutorial: its slug, else its position."""
    slug = step.slug
    return str(slug) if slug is not None and slug != "" else f"#{step.position}"


def _seen(state: State, key: str) -> Seen:
    seen = state.seen.get(key)
    if seen is None:
        seen = state.seen[key] = Seen()
    return seen


def _new_items(items: Sequence[Any], known: list[int], untimed: int, floor: int) -> tuple[list[int], int]:
    """The indexes of the new items, whose starts are added to `known`, and the count of items without one.

    What began no later than `floor` is not new.
    """
    starts = [item.started for item in items]
    told = len(known)
    if floor == _NO_FLOOR and starts[:told] == known:
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
        elif start > floor and start not in already:
            already.add(start)
            known.append(start)
            new.append(index)
    return new, max(untimed, without)


def _emit_items(step: Step, key: str, seen: Seen, source: Mapping[str, Any], facts: FactLines) -> None:
    for nth, kind in enumerate(ITEM_KINDS):
        items = getattr(step, kind.attribute)
        if not items:
            continue
        new, untimed = _new_items(items, getattr(seen, kind.attribute), seen.untimed[nth], seen.floors[nth])
        if untimed != seen.untimed[nth]:
            seen.untimed = (*seen.untimed[:nth], untimed, *seen.untimed[nth + 1 :])
        if new:
            event, details, sources = kind.event, kind.details, items_of(source, kind.field)
            for index in new:
                item = items[index]
                facts.write(
                    event, key, step.position, item.started, details(item, sources[index]), own_start=item.started
                )


def emit_start(state: State, at: int | None, facts: FactLines, payload: Mapping[str, Any] | None = None) -> None:
    """Tell that the tutorial was started, at the first that is heard of it; by a document, in which program."""
    if not state.started:
        state.started = True
        details = NOTHING if payload is None else properties_details(agent=agent_of(payload))
        facts.write("start_tutorial", "", None, at, details, once=True)


def emit_document(
    state: State, payload: Mapping[str, Any], document: Document, facts: FactLines, *, stale: bool
) -> None:
    """Tell what is new in a document; a stale one tells completions, but confirms none that followed from events."""
    emit_start(state, document.started, facts, payload)
    emit_sessions(state, payload, facts)
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
            facts.write("open_step", key, step.position, step.opened, opening_details(sources[index]), once=True)
        _emit_items(step, key, seen, sources[index], facts)
        if step.completed is not None:
            if not seen.completed:
                _emit_completed(step, key, facts)
                seen.completed = _CONFIRMED
            elif not stale:
                seen.completed = _CONFIRMED


def _emit_completed(step: Step, key: str, facts: FactLines) -> None:
    details = completion_details(step.opened, step.completed)
    facts.write("complete_step", key, step.position, step.completed, details, once=True)


def emit_derived(state: State, step: Step, facts: FactLines) -> None:
    """Tell a completion that follows from streamed items."""
    key = step_key(step)
    seen = _seen(state, key)
    if not seen.completed:
        seen.completed = _DERIVED
        _emit_completed(step, key, facts)


def reconcile(state: State, overlaid: Callable[[], Overlaid], facts: FactLines) -> None:
    """Tell the completions that follow from streamed items, and take back those that no longer do."""
    if not state.overlay and not any(seen.completed == _DERIVED for seen in state.seen.values()):
        return
    completed = {step_key(step): step for step in overlaid().document.steps if step.completed is not None}
    for step in completed.values():
        emit_derived(state, step, facts)
    for key, seen in state.seen.items():
        if seen.completed == _DERIVED and key not in completed:
            seen.completed = 0
            facts.write("complete_step", key, None, None, NOTHING, once=True, deleted=True)


def emit_streamed(state: State, item: Overlay, step: Step | None, details: str, facts: FactLines) -> bool:
    """Tell a streamed item, of `step` where the tutorial has it; whether its own time shows that it is new."""
    key = step_key(step) if step is not None else item.slug or f"#{item.position}"
    position = step.position if step is not None else item.position
    seen = _seen(state, key)
    if item.event == "open_step":
        if not seen.opened:
            seen.opened = True
            facts.write("open_step", key, position, item.at, details, once=True)
        return False
    nth = INDEX_OF_KIND[item.event]
    start = item.own_start
    if start is None:
        seen.untimed = (*seen.untimed[:nth], seen.untimed[nth] + 1, *seen.untimed[nth + 1 :])
    else:
        known = getattr(seen, ITEM_KINDS[nth].attribute)
        if start <= seen.floors[nth] or start in known:
            return False
        known.append(start)
    facts.write(item.event, key, position, item.at, details, own_start=start)
    return start is not None
