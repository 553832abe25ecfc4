"""How a process of ours ends: one exit code for each cause (docs/reliability.md says who uses which)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """Exit codes; anything but OK asks the supervisor for a new process."""

    OK = 0
    FAILED = 1
    CHUNK_FAILED = 70
    FENCED = 71
    TOO_MANY_DEAD_LETTERS = 72
    STALLED = 73
    VIEWS_FAILED = 74
    STATE_LOST = 75
    SUPERSEDED = 76
