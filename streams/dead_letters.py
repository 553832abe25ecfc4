"""Dead letters: records that could not be processed, kept as they were with the reason (pure)."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.wire.dead_letters import encode_letter
from streams.messages import Message

__all__ = ["DeadLetter", "describe", "letter"]

Stage = Literal["decode", "process", "size", "reference"]

_MAX_REASON: Final = 1_000
_MAX_TRACEBACK: Final = 8_000


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


def letter(dead: DeadLetter, limit: int, redact: frozenset[str] = frozenset()) -> Message:
    """The message for the dead-letter topic: the record as it was, with `dead-letter-…` headers.

    A value that does not fit is cut; its SHA-256 and size are then in the headers. The keys that `redact` names are
    left out of value and parameters; where there were some, the size of the whole value is in the headers.
    """
    record = dead.record
    fields = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "stage": dead.stage,
        "reason": dead.reason,
        "traceback": dead.traceback,
    }
    value, headers = encode_letter(record.key, record.value, record.headers, fields, limit=limit, redact=redact)
    return Message(record.key, value, headers)
