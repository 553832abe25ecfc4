"""What an operator is told."""

from __future__ import annotations

__all__ = ["OperatorError"]


class OperatorError(Exception):
    """Something cannot be done as asked; the text is one line that says why and what to do."""
