"""The committed input offset of a partition and what is kept with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
import tenacity
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError

from streams.limits import LimitsState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka import TopicPartition
    from aiokafka.structs import OffsetAndMetadata

__all__ = ["Checkpoint", "checkpoint", "committed"]

_PATIENCE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the last transaction of a partition committed beside its outputs.

    Attributes:
        offset: The next raw offset; None if nothing was committed yet.
        changelog: An offset that the partition's changelog certainly reached; None if unknown.
        limits: How many of the recent records became dead letters.
    """

    offset: int | None = None
    changelog: int | None = None
    limits: LimitsState = field(default_factory=LimitsState)

    @property
    def metadata(self) -> str:
        """The text that Kafka keeps with the offset."""
        limits = self.limits
        kept = {
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
        """Read a committed offset; one without our metadata (set by hand) starts with a clean record."""
        try:
            kept = orjson.loads(metadata or "{}")
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


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(KafkaError),
    wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=2),
    stop=tenacity.stop_after_delay(_PATIENCE_S),
    reraise=True,
)
async def committed(
    options: Mapping[str, Any], group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, Checkpoint]:
    """Ask the broker, not a cache, for committed offsets.

    A partition's transactional producer must have been initialised before: that settles the previous owner's open
    transaction.

    Raises KafkaError if the broker does not answer in half a minute.
    """
    wanted = list(partitions)
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=wanted)
    finally:
        await admin.close()
    return {tp: checkpoint(found, tp) for tp in wanted}


def checkpoint(found: Mapping[TopicPartition, OffsetAndMetadata], tp: TopicPartition) -> Checkpoint:
    """The checkpoint of a partition in aiokafka's answer; an offset of -1 says that nothing was committed yet.

    Raises CoordinatorNotAvailableError if the answer does not speak of the partition: while the group's coordinator
    loads, the broker answers with an error for the whole group, which aiokafka drops. Taken for "nothing committed"
    it would have everything processed once more.
    """
    at = found.get(tp)
    if at is None:
        message = f"the group's coordinator does not answer for {tp.topic}[{tp.partition}] yet"
        raise CoordinatorNotAvailableError(message)
    return Checkpoint.parse(at.offset, at.metadata) if at.offset >= 0 else Checkpoint()
