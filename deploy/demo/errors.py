"""What goes wrong with the demo."""

from __future__ import annotations

__all__ = ["DemoError"]


class DemoError(RuntimeError):
    """What was sent did not come out in time, or was refused; the text says what is missing."""
