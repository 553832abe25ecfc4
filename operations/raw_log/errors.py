"""Why the raw log could not be copied, archived or erased from."""

from __future__ import annotations

from schemas.errors import OperatorError

__all__ = ["RawLogError"]


class RawLogError(OperatorError):
    """The work cannot be done as asked; the text is one line that says what to do."""
