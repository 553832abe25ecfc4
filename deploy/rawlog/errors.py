"""Why the raw log could not be copied, archived or erased from."""

from __future__ import annotations

__all__ = ["RawLogError"]


class RawLogError(RuntimeError):
    """The work cannot be done as asked; the text is one line that says what to do."""
