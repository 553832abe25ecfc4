"""What the core raises.

CoreError
├── Undecodable         a record that is no webhook; it belongs in the dead letters
└── UnknownAlgorithm    a version of the indicators that does not exist
"""

from __future__ import annotations

__all__ = ["CoreError", "Undecodable", "UnknownAlgorithm"]


class CoreError(Exception):
    """Base of everything that the core raises on purpose."""


class Undecodable(CoreError):  # noqa: N818 - it names the record, as in "an undecodable record"
    """The record cannot be read as a webhook; `stage` says where it failed and `reason` why."""

    def __init__(self, stage: str, reason: str) -> None:
        self.stage = stage
        self.reason = reason
        super().__init__(f"{stage}: {reason}")


class UnknownAlgorithm(CoreError):  # noqa: N818 - as Undecodable
    """There is no such version of the indicators; `known` are those that there are."""

    def __init__(self, version: float, known: tuple[float, ...]) -> None:
        self.version = version
        self.known = known
        super().__init__(f"Indicators have no version {version}; choose one of: {', '.join(map(str, known))}.")
