"""The committed input offset of a partition and what is kept with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from broker.committed import committed_by_new_client
from schemas.wire.formats import NewerFormatError, format_in
from streams.core.state import SCHEMA
from streams.limits import LimitsState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka import TopicPartition
    from aiokafka.structs import OffsetAndMetadata

__all__ = ["Checkpoint", "committed"]

_STATE: Final = "the workers' state"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the last transaction of a partition committed beside its outputs; the text has the state's format, too.

    Attributes:
        offset: The next raw offset; None if nothing was committed yet.
        changelog: An offset that the partition's changelog certainly reached; None if unknown.
        limits: How many of the recent records became dead letters.
    """

    offset: int | None = None
    changelog: int | None = None
    limits: LimitsState = field(default_factory=LimitsState)

    @classmethod
    def of(cls, committed: OffsetAndMetadata) -> Checkpoint:
        """The checkpoint of a committed offset; one of -1 says that nothing was committed yet. Raises as `parse`."""
        return cls.parse(committed.offset, committed.metadata) if committed.offset >= 0 else cls()

    @property
    def metadata(self) -> str:
        """The text that Kafka keeps with the offset."""
        limits = self.limits
        kept = {
            "format": SCHEMA,
            "changelog": self.changelog,
            "run": limits.run,
            "run_keys": limits.run_keys,
            "seen": limits.seen,
            "failed": limits.failed,
            "keys": limits.keys,
        }
        return orjson.dumps(kept).decode()

    @classmethod
    def parse(cls, offset: int, metadata: str) -> Checkpoint:
        """Read a committed offset; one without our metadata (set by hand) starts with a clean record.

        Raises NewerFormatError where a newer release has written the state that the partition has at this offset.
        """
        try:
            kept = orjson.loads(metadata or "{}")
            if (found := format_in(kept.get("format"))) > SCHEMA:
                raise NewerFormatError(_STATE, found, SCHEMA, str(kept.get("release", "")))
            return cls(
                offset,
                kept.get("changelog"),
                LimitsState(
                    kept.get("run", 0),
                    kept.get("run_keys", 0),
                    kept.get("seen", 0),
                    kept.get("failed", 0),
                    tuple(kept.get("keys", ())),
                ),
            )
        except (ValueError, AttributeError, TypeError):
            return cls(offset)


async def committed(
    options: Mapping[str, Any], group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, Checkpoint]:
    """Ask the broker, not a cache, for committed offsets.

    A partition's transactional producer must have been initialised before: that ends the previous owner's open
    transaction.

    Raises as `broker.committed.committed`, which waits for a coordinator that loads, and NewerFormatError.
    """
    kept = await committed_by_new_client(options, group, partitions)
    return {tp: Checkpoint.of(at) for tp, at in kept.items()}
