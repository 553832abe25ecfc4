"""What is told of errors."""

from __future__ import annotations

__all__ = ["OperatorError", "SettingsError", "text_of"]


def text_of(error: BaseException) -> str:
    """What an error says; the name of its type where it says nothing, as one of a time that was over does."""
    return str(error) or type(error).__name__


class OperatorError(Exception):
    """Something cannot be done as asked; the text is one line that says why and what to do."""


class SettingsError(OperatorError, ValueError):
    """A setting is unknown or has a bad value; the text says which and what to do."""
