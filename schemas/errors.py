"""What an operator is told."""

from __future__ import annotations

__all__ = ["OperatorError", "SettingsError"]


class OperatorError(Exception):
    """Something cannot be done as asked; the text is one line that says why and what to do."""


class SettingsError(OperatorError, ValueError):
    """A setting is unknown or has a bad value; the text says which and what to do."""
