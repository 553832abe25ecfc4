"""What some records of a partition lead to, as the messages of one transaction (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.dead_letters import DeadLetter
from streams.messages import OversizeError
from streams.processing import Core, Processed, SplitError, process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.outbox import Outbox, Outgoing
    from streams.processing import Load

__all__ = ["settle"]


def settle(core: Core, load: Load, outbox: Outbox, records: Sequence[Any]) -> tuple[Processed, Outgoing] | None:
    """Process records and fill the outbox; None if they have to be settled in two halves, one after the other."""
    try:
        processed = process(core, load, records)
        return processed, outbox.fill(processed, records)
    except (SplitError, OversizeError) as error:
        if len(records) > 1:
            return None
        processed = Processed(None, [DeadLetter(records[0], "size", str(error))])
        return processed, outbox.fill(processed, records)
