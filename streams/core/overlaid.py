"""The document as it stands with the streamed items that it does not hold yet (docs/semantics.md, "Overlay").

Items are applied in the order of their instants, whatever order they arrived in, so the result depends only on the
document and on the set of items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.core.state import MISSING, Document, Step

if TYPE_CHECKING:
    from streams.core.state import Overlay

__all__ = ["Overlaid", "find_step", "order"]


def order(item: Overlay) -> tuple[int, int]:
    """The sort key of streamed items."""
    return item.at, item.webhook_id


def find_step(steps: list[Step], position: int | None, slug: str) -> int | None:
    """The index of a step by its position, else by its slug; None where the document has no such step."""
    if position is not None:
        if 0 <= position < len(steps) and steps[position].position == position:
            return position
        for index, step in enumerate(steps):
            if step.position == position:
                return index
    if slug:
        for index, step in enumerate(steps):
            if step.slug == slug:
                return index
    return None


class Overlaid:
    """A document and the streamed items on top of it; the document that was given is never changed."""

    __slots__ = ("_index", "_own", "_stored", "document", "previous")

    def __init__(self, document: Document | None, overlay: list[Overlay]) -> None:
        """Lay `overlay` (in `order`) over `document`, which is None before the first batch."""
        if document is None:
            document = Document("", None, None, 0, [])
        self.document = Document(
            document.telemetry_id, document.started, document.last, document.sessions, list(document.steps)
        )
        self._stored = len(document.steps)
        # The indexes of the steps that are this one's alone; None: all of them.
        self._own: set[int] | None = set()
        # Of the first step of each position and slug; made when first asked for, as most items say where theirs is.
        self._index: tuple[dict[int, int], dict[str, int]] | None = None
        self.previous = self._last_opened()
        for item in overlay:
            self.apply(item, self.find(item))

    @classmethod
    def restored(cls, stored: Document | None, document: Document, previous: int | None) -> Overlaid:
        """What was kept of an overlaid `stored`: its document, which becomes its own, and the step opened last."""
        overlaid = cls(stored, [])
        overlaid.document = document
        overlaid.previous = previous
        overlaid._own = None
        return overlaid

    def find(self, item: Overlay) -> int | None:
        """The index of an item's step, as `find_step`, which looks through all of them, finds it."""
        position, steps = item.position, self.document.steps
        if position is not None and position < len(steps) and steps[position].position == position:
            return position
        if self._index is None:
            self._index = {}, {}
            for index in range(len(steps)):
                self._note(index)
        positions, slugs = self._index
        by_position = None if position is None else positions.get(position)
        return slugs.get(item.slug) if by_position is None and item.slug else by_position

    def _note(self, index: int) -> None:
        if self._index is not None:
            step = self.document.steps[index]
            self._index[0].setdefault(step.position, index)
            if type(step.slug) is str:
                self._index[1].setdefault(step.slug, index)

    def _last_opened(self) -> int | None:
        opened = [(step.opened, index) for index, step in enumerate(self.document.steps) if step.opened is not None]
        return max(opened)[1] if opened else None

    def _owned(self, index: int) -> Step:
        steps = self.document.steps
        if self._own is not None and index not in self._own:
            self._own.add(index)
            step = msgspec.structs.replace(steps[index])
            step.pending = list(step.pending)
            step.compilations = list(step.compilations)
            step.tests = list(step.tests)
            step.interactions = list(step.interactions)
            step.quizzes = list(step.quizzes)
            steps[index] = step
        return steps[index]

    def apply(self, item: Overlay, index: int | None) -> int | None:
        """Add the item that comes next in `order`; the index of the step that it completed, or None.

        `index` is that of its own step, None where the document has no such step yet.
        """
        document = self.document
        if index is None:
            index = len(document.steps)
            position = index if item.position is None else item.position
            document.steps.append(Step(item.slug or None, position))
            self._note(index)
            if self._own is not None:
                self._own.add(index)
        if document.last is None or item.touched > document.last:
            document.last = item.touched
        step = self._owned(index)
        if item.event == "open_step":
            if step.opened is None:
                step.opened = item.at
            return self._leave(index, item.at)
        return index if _append(step, item) else None

    def takes_late(self, item: Overlay, index: int | None) -> bool:
        """Whether an item that comes before others in `order` may still be added at the end.

        Compilations and questions complete nothing, so only those of their own list need to be in order; steps
        that only streamed items name stand in the order of those, so their items cannot come late.
        """
        if index is None or index >= self._stored:
            return False
        step = self.document.steps[index]
        if item.event == "compile":
            return not step.compilations or (step.compilations[-1].started or 0) <= item.at
        return item.event == "ai_interaction" and (
            not step.interactions or (step.interactions[-1].started or 0) <= item.at
        )

    def _leave(self, index: int, at: int) -> int | None:
        previous, self.previous = self.previous, index
        if previous is None or previous == index:
            return None
        step = self.document.steps[previous]
        # Whether a step has tests is the document's word (`is_testeable`); without one, those that were run tell.
        has_tests = bool(step.tests) if step.testable is None else step.testable
        if step.completed is not None or has_tests or step.elements:
            return None
        self._owned(previous).completed = at
        return previous


def _append(step: Step, item: Overlay) -> bool:
    """Add an item to its step; whether that completed it."""
    if item.attempt is not None and item.event == "compile":
        step.compilations.append(item.attempt)
    elif item.attempt is not None:
        step.tests.append(item.attempt)
        if item.attempt.code == 0 and item.attempt.code is not MISSING and not step.pending and step.completed is None:
            step.completed = item.touched
            return True
    elif item.quiz is not None:
        step.quizzes.append(item.quiz)
        if item.quiz.passed and item.quiz.quiz_hash in step.pending:
            step.pending.remove(item.quiz.quiz_hash)
    elif item.interaction is not None:
        step.interactions.append(item.interaction)
    return False
