"""Dead letters: records that could not be processed, kept as they were with the reason, and the limits of it (pure)."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from streams.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DeadLetter", "Limits", "LimitsState", "TooManyDeadLettersError", "describe", "letter"]

Stage = Literal["decode", "process", "size", "reference"]

_MAX_REASON: Final = 1_000
_MAX_TRACEBACK: Final = 8_000
_OVERHEAD: Final = 32 << 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was given up, and why.

    Attributes:
        record: aiokafka's consumer record.
        stage: Where it failed.
        reason: One line.
        traceback: Of the exception, or empty.
    """

    record: Any
    stage: str
    reason: str
    traceback: str = ""


def describe(record: Any, error: BaseException) -> DeadLetter:
    """The dead letter of a record on which the core raised; its `stage` and `reason` are the error's if it has them."""
    stage = str(getattr(error, "stage", "process"))
    reason = str(getattr(error, "reason", "") or f"{type(error).__name__}: {error}")
    trace = "" if hasattr(error, "stage") else "".join(traceback.format_exception(error))
    return DeadLetter(record, stage, " ".join(reason.split())[:_MAX_REASON], trace[-_MAX_TRACEBACK:])


def letter(dead: DeadLetter, limit: int) -> Message:
    """The message for the dead-letter topic: the record as it was, with `dead-letter-…` headers.

    A value that does not fit is cut; its SHA-256 and size are then in the headers.
    """
    record = dead.record
    headers = [
        *record.headers,
        ("dead-letter-topic", record.topic.encode()),
        ("dead-letter-partition", b"%d" % record.partition),
        ("dead-letter-offset", b"%d" % record.offset),
        ("dead-letter-timestamp", b"%d" % record.timestamp),
        ("dead-letter-stage", dead.stage.encode()),
        ("dead-letter-reason", dead.reason.encode(errors="replace")),
        ("dead-letter-traceback", dead.traceback.encode(errors="replace")),
    ]
    value = record.value
    framing = len(record.key or b"") + sum(len(name) + len(data or b"") + 16 for name, data in headers) + _OVERHEAD
    if value is not None and len(value) + framing > limit:
        headers += [
            ("dead-letter-size", b"%d" % len(value)),
            ("dead-letter-sha256", hashlib.sha256(value).hexdigest().encode()),
        ]
        value = value[: max(limit - framing, 0)]
    return Message(record.key, value, headers)


class TooManyDeadLettersError(Exception):
    """So much fails that the fault is likely ours: stop rather than give the world up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop instead of writing dead letters.

    Attributes:
        run: Most dead letters in a row.
        ratio: Largest share of dead letters among recent records.
        least: Records seen before the share is judged.
        window: Records after which older ones count half.
    """

    run: int = 100
    ratio: float = 0.5
    least: int = 200
    window: int = 1_000


@dataclass(frozen=True, slots=True)
class LimitsState:
    """Recent records of one partition; kept with its committed offset, so that a restart does not begin anew.

    Attributes:
        run: Dead letters in a row, up to the newest record.
        seen: Recent records.
        failed: Dead letters among them.
    """

    run: int = 0
    seen: int = 0
    failed: int = 0

    def after(self, outcomes: Iterable[bool], limits: Limits) -> LimitsState:
        """The state after these records, in order; True is one that became a dead letter.

        Raises TooManyDeadLettersError if a limit is passed on the way.
        """
        run, seen, failed = self.run, self.seen, self.failed
        for dead in outcomes:
            seen += 1
            if dead:
                run, failed = run + 1, failed + 1
                if run > limits.run:
                    message = f"{run} records in a row cannot be processed"
                    raise TooManyDeadLettersError(message)
                if seen >= limits.least and failed > limits.ratio * seen:
                    message = f"{failed} of the last {seen} records cannot be processed"
                    raise TooManyDeadLettersError(message)
            else:
                run = 0
            if seen >= limits.window:
                seen, failed = seen // 2, failed // 2
        return replace(self, run=run, seen=seen, failed=failed)
