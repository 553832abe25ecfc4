"""What is kept of one (student, notebook), and the document that its indicators are computed from.

Nothing here depends on the order in which events arrive. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Final

from streams.core.notebook.event import CELL, TEST
from streams.core.state import Attempt, Document, Notebook, Step

if TYPE_CHECKING:
    from streams.core.notebook.event import NotebookEvent

__all__ = ["SEEN", "add", "document_of", "remember", "seen"]

# Events whose repetition is told from the state; of older ones the rows of facts tell, which replace themselves.
SEEN: Final = 4096
_DIGEST: Final = 8

# What a notebook may grow to, whatever its key's holder sends; facts are told beyond.
_MOST_SESSIONS: Final = 500
_MOST_STEPS: Final = 1000
_MOST_TESTS: Final = 1000
_MOST_TESTS_OF_ALL: Final = 5000


def seen(notebook: Notebook, digest: bytes) -> bool:
    """Whether an event with this digest is in the notebook."""
    ring = notebook.seen
    at = ring.find(digest)
    while at > 0 and at % _DIGEST:
        at = ring.find(digest, at + 1)
    return at >= 0


def remember(notebook: Notebook, digest: bytes) -> None:
    """Add a digest, in place of the oldest where there are too many."""
    notebook.seen = notebook.seen[-(SEEN - 1) * _DIGEST :] + digest


def _order(test: Attempt) -> tuple[int, int, int]:
    return test.started or 0, test.ended or 0, test.code or 0


def add(notebook: Notebook, event: NotebookEvent) -> None:
    """Add what an event says to the notebook."""
    began = event.at - (event.duration or 0) * 1000
    notebook.first = began if notebook.first is None else min(notebook.first, began)
    notebook.last = event.at if notebook.last is None else max(notebook.last, event.at)
    if event.session and event.session not in notebook.sessions and len(notebook.sessions) < _MOST_SESSIONS:
        notebook.sessions.append(event.session)
    if not event.step:
        return
    if event.event == CELL:
        cells = notebook.cells
        if event.step in cells or len(cells) < _MOST_STEPS:
            cells[event.step] = min(cells.get(event.step, event.at), event.at)
    elif event.event == TEST and event.succeeded is not None:
        _add_test(notebook, event.step, Attempt(began, event.at, 0 if event.succeeded else 1))


def _add_test(notebook: Notebook, exercise: str, test: Attempt) -> None:
    exercises = notebook.exercises
    if exercise not in exercises and len(exercises) >= _MOST_STEPS:
        return
    if sum(map(len, exercises.values())) >= _MOST_TESTS_OF_ALL:
        return
    tests = exercises.setdefault(exercise, [])
    if len(tests) < _MOST_TESTS and test not in tests:
        insort(tests, test, key=_order)


def document_of(notebook: Notebook) -> Document:
    """The notebook as a document: its exercises are steps, opened by their cell or first test, completed by a pass.

    Cells that nobody tests are no steps: that they ran is all that there is to do about them.
    """
    steps = []
    for name, tests in notebook.exercises.items():
        starts = [test.started for test in tests if test.started is not None]
        opened = min([*starts, notebook.cells.get(name, starts[0])])
        passed = next((test.ended for test in tests if test.code == 0), None)
        steps.append(Step(name, 0, opened, passed, testable=True, tests=tests))
    steps.sort(key=lambda step: (step.opened or 0, str(step.slug)))
    for position, step in enumerate(steps):
        step.position = position
    return Document("", notebook.first, notebook.last, len(notebook.sessions), steps)
