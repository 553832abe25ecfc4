"""What some records of a partition lead to, as the messages of one transaction (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.dead_letters import DeadLetter
from streams.messages import OversizeError
from streams.processing import Core, Processed, SplitError, process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from broker.tracing import Span
    from streams.offsets import Checkpoint
    from streams.outbox import Outbox, Outgoing
    from streams.processing import Load

__all__ = ["Transaction", "prepare"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one transaction commits: what came of some records, the messages, and the offset after the records.

    Attributes:
        checkpoint: What is kept with the offset `end`.
        records: How many there are.
        span: What tells of it, None where none of them is traced.
    """

    processed: Processed
    outgoing: Outgoing
    checkpoint: Checkpoint
    end: int
    records: int = 0
    span: Span | None = None


def prepare(
    core: Core, load: Load, outbox: Outbox, records: Sequence[Any], traceparent: str | None = None
) -> tuple[Processed, Outgoing] | None:
    """Process records and fill the outbox; `traceparent` names the span of that.

    Returns what came of the records and the messages to send, or None if the records are too much for one transaction:
    then they have to be prepared and committed in two halves, one after the other.
    """
    try:
        processed = process(core, load, records)
        return processed, outbox.fill(processed, records, traceparent)
    except (SplitError, OversizeError) as error:
        if len(records) > 1:
            return None
        processed = Processed(None, [DeadLetter(records[0], "size", str(error))])
        return processed, outbox.fill(processed, records, traceparent)
