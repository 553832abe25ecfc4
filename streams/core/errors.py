"""What the core raises.

CoreError
├── Refused             a webhook that cannot be taken; a verdict, not a failure
├── TooMuchAtOnce       records that must be processed in smaller pieces
├── NewerState          a state that a newer release wrote: nothing may be computed on it
├── Undecodable         a record that is no webhook; it belongs in the dead letters
└── UnknownAlgorithm    a version of the indicators that does not exist
"""

from __future__ import annotations

from schemas.wire.formats import NewerFormatError

__all__ = ["CoreError", "NewerState", "Refused", "TooMuchAtOnce", "Undecodable", "UnknownAlgorithm"]


class CoreError(Exception):
    """Base of everything that the core raises on purpose."""


class Refused(CoreError):  # noqa: N818 - a verdict, not a failure
    """A webhook cannot be taken, and nothing of it has been; `text` is its verdict's."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class TooMuchAtOnce(CoreError):  # noqa: N818 - it names the records
    """The records of a chunk ask for so much work that they must be processed in smaller pieces."""

    halve = True


class NewerState(NewerFormatError, CoreError):  # noqa: N818 - it names the state
    """A state is of a newer release, which the partition's committed offset did not say; no webhook is to blame."""


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
