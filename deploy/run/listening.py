"""What a supervisor tells of its parts, and to whom: nobody who listens has a part in keeping them up."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kind", "Listener", "Listeners", "Notice"]


class Kind(StrEnum):
    """What has happened to a part, or to all of them."""

    STARTS = "starts"
    READY = "ready"
    # It starts again by itself.
    ENDED = "ended"
    # It did not end when it was told to.
    KILLED = "killed"
    # All parts are told to end.
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of the supervisor's own.

    `part` is empty where it is about all of them. `alarming` is an end that follows others; `last_lines` are what the
    part wrote before it ended.
    """

    kind: Kind
    part: str
    text: str
    alarming: bool = False
    last_lines: tuple[str, ...] = ()


class Listener(Protocol):
    """Gets the lines that parts write and what the supervisor says of them, on its loop: neither may wait."""

    def wrote(self, part: str, line: str, /) -> None:
        """A part has written a line."""

    def told(self, notice: Notice, /) -> None:
        """The supervisor says something."""


class Listeners:
    """Several of them. What one of them raises is left out: a full disk or a reader that has gone ends no part."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        """They are told in this order."""
        self._listeners = tuple(listeners)

    def wrote(self, part: str, line: str, /) -> None:
        """As Listener; raises nothing."""
        for listener in self._listeners:
            # rich ends the program where a reader has gone.
            with contextlib.suppress(Exception, SystemExit):
                listener.wrote(part, line)

    def told(self, notice: Notice, /) -> None:
        """As Listener; raises nothing."""
        for listener in self._listeners:
            with contextlib.suppress(Exception, SystemExit):
                listener.told(notice)
