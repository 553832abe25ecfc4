"""What one assignment of partitions has read and not settled, and who posts it, until they are taken away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from broker.lag_figures import Waits
from schemas.wire.forwarding import MessageError
from sinks.forward.lines import Pending
from sinks.forward.reading import message_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from sinks.forward.delivery import Delivery
    from sinks.forward.progress import Progress
    from sinks.forward.reading import Read

__all__ = ["Assignment", "Make"]


class Make(Protocol):
    """Makes what posts."""

    def __call__(self, *, settled: Callable[[Pending], None], failed: Callable[[Exception], None]) -> Delivery:
        """`settled` is to hear of each message that is settled, `failed` of whatever ends it."""
        ...


# What is open of one partition, in records and in bytes; beyond that it is not read on.
_MOST: Final = 5_000
_MOST_BYTES: Final = 8 << 20


class Assignment:
    """The partitions of one assignment of the forwarder `name`; `progress` is how far each is settled."""

    def __init__(
        self,
        name: str,
        progress: Mapping[TopicPartition, Progress],
        readers: Mapping[str, Read],
        make: Make,
        failed: Callable[[Exception], None],
    ) -> None:
        """Prepare; `readers` are by topic. Nothing is posted before `start`, and `failed` hears of what ends it."""
        self._progress = dict(progress)
        self._name = name
        self._readers = readers
        self._bytes: Counter[TopicPartition] = Counter()
        self._delivery = make(settled=self._settled, failed=failed)

    @property
    def progress(self) -> Mapping[TopicPartition, Progress]:
        """How far each partition is settled."""
        return self._progress

    def restart(self, partition: TopicPartition, progress: Progress) -> None:
        """Let a partition whose log was cut begin anew, for the next owner; nothing of it may be added any more."""
        self._progress[partition] = progress

    def start(self) -> None:
        """Begin to post."""
        self._delivery.start()

    async def add(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Take records on, in their order; one that is no message is among the dead letters when this returns."""
        progress = self.progress.get(partition)
        if progress is None:
            return
        for record in records:
            if not progress.begin(record.offset, record.timestamp):
                continue
            try:
                message = message_of(self._name, self._readers[partition.topic], record)
            except MessageError as error:
                await self._delivery.bury(partition, record, str(error))
                progress.end(record.offset)
                continue
            if message is None:
                progress.end(record.offset)
                continue
            self._bytes[partition] += len(message.body)
            self._delivery.add(Pending(partition, record, message))

    def full(self) -> set[TopicPartition]:
        """Partitions of which enough is open."""
        return {
            partition
            for partition, progress in self.progress.items()
            if len(progress) >= _MOST or self._bytes[partition] >= _MOST_BYTES
        }

    def waits(self, ends: Mapping[TopicPartition, int]) -> dict[tuple[str, ...], Waits]:
        """What waits in each partition, whose logs end at `ends`: messages that are open, and what is not read yet.

        Of what nobody has read only the offsets are known, so transactions' markers count there.
        """
        return {
            (partition.topic, str(partition.partition)): Waits(
                progress.unsettled(ends.get(partition, 0)), progress.oldest
            )
            for partition, progress in self.progress.items()
        }

    def _settled(self, pending: Pending) -> None:
        self._bytes[pending.partition] -= len(pending.message.body)
        self.progress[pending.partition].end(pending.record.offset)

    async def close(self, patience: float) -> None:
        """Begin no post any more, and let those that are under way end for so many seconds."""
        await self._delivery.close(patience)
