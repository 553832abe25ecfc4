"""Why history could not be imported or compared."""

from __future__ import annotations

from schemas.errors import OperatorError

__all__ = ["HistoryError"]


class HistoryError(OperatorError):
    """The work cannot be done as asked; the text is one line that says what to do."""
