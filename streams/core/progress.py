"""What a document says that its student has done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.core.state import Document, Step

__all__ = ["is_blank"]


def _touched(step: Step) -> bool:
    # Clients that write 0 or false for a time mean none.
    return bool(step.opened or step.completed or step.compilations or step.tests or step.interactions or step.quizzes)


def is_blank(document: Document) -> bool:
    """Whether nothing of the tutorial has been opened, tried or completed, as before its first step."""
    return not any(map(_touched, document.steps))
