"""How a long preparation tells its caller where it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called from the thread that prepares, several times a second at most."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report that `done` of `total` bytes of `step` are finished; a total of 0 means that the size is unknown."""


def silent(step: str, done: int, total: int) -> None:
    """Report nothing."""
