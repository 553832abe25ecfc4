"""How far workers and sinks of a generation have come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DeleteGroupsRequest

from broker import clients
from broker.committed import committed, committed_before, members
from schemas.wire.topic_names import DERIVED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from schemas.wire.topics import Topics

__all__ = ["Offsets", "derived_topics"]

_READ_MS: Final = 200
_POLL_SECONDS: Final = 0.1


def derived_topics(topics: Topics) -> list[str]:
    """The topics that a generation's sink stores."""
    return [getattr(topics, name.replace("-", "_")) for name in DERIVED]


class Offsets:
    """Asks the broker; an asynchronous context manager. Every method raises aiokafka's KafkaError."""

    def __init__(self, settings: Settings) -> None:
        """Name the broker; nothing is connected yet."""
        options = settings.kafka_options()
        self.admin = clients.admin(options)
        self._consumer = clients.consumer(options)
        # An offset that was committed with records may be seen before they are: who is to have them all has to read, or
        # to store, up to what is written, whether or not it is known to be committed.
        self._written = clients.consumer(options, isolation_level="read_uncommitted")
        self._partitions = range(settings.partitions)
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._running.push_async_callback(self.admin.close)
        self._running.push_async_callback(self._consumer.stop)
        self._running.push_async_callback(self._written.stop)
        await self.admin.start()
        await self._consumer.start()
        await self._written.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._running.aclose()

    async def worked(self, topics: Topics) -> dict[int, int]:
        """Raw offset by partition that a generation's workers have committed, or where the log begins."""
        commits, begins = await self.committed(topics), await self.begins(topics)
        return {number: max(commits[number], begin) for number, begin in begins.items()}

    async def committed(self, topics: Topics) -> dict[int, int]:
        """Raw offset by partition that a generation's workers have committed, else 0; the log may begin later."""
        raw = [TopicPartition(topics.raw, number) for number in self._partitions]
        commits = await committed(self.admin, topics.application, raw)
        return {tp.partition: max(0, commits[tp].offset) for tp in raw}

    async def begins(self, topics: Topics) -> dict[int, int]:
        """Raw offset by partition at which the log begins."""
        raw = [TopicPartition(topics.raw, number) for number in self._partitions]
        starts = await self._consumer.beginning_offsets(raw)
        return {tp.partition: starts[tp] for tp in raw}

    async def ends(self, topics: Topics) -> dict[TopicPartition, int]:
        """How far the derived topics of a generation are written."""
        return await self.ends_of(derived_topics(topics))

    async def ends_of(self, names: list[str]) -> dict[TopicPartition, int]:
        """How far topics are written; whoever reads what is committed up to these waits for what is under way."""
        ends: dict[TopicPartition, int] = await self._written.end_offsets(
            [TopicPartition(name, number) for name in names for number in self._partitions]
        )
        return ends

    async def ends_in(self, topic: str) -> dict[int, int]:
        """How far the partitions of a topic are written."""
        return {tp.partition: end for tp, end in (await self.ends_of([topic])).items()}

    async def unstored(self, topics: Topics, ends: Mapping[TopicPartition, int]) -> int:
        """Offsets below `ends` that a generation's sinks have not stored yet."""
        return await self._missing(topics.sinks, ends)

    async def until_stored(self, topics: Topics, seconds: float, *, raw: bool = False) -> bool:
        """Wait until a generation's sinks have stored all there is now; whether they have in this time.

        With `raw`, until the raw topic is stored, too. From then on nothing of it comes once more: a sink that was
        taken for dead may have a block under way, which the next owner of the partition that names it takes the name
        from when it goes on there. The block was made before the first wait ended, so what names it is below the ends
        that are seen after it: hence the second.
        """
        read = {topics.sinks: derived_topics(topics)} | ({topics.raw_sinks: [topics.raw]} if raw else {})
        deadline = time.monotonic() + seconds
        for _ in range(2):
            ends = {group: await self.ends_of(names) for group, names in read.items()}
            while not await self._all_stored(ends):
                if time.monotonic() >= deadline:
                    return False
                await asyncio.sleep(_POLL_SECONDS)
        return True

    async def _all_stored(self, ends: Mapping[str, Mapping[TopicPartition, int]]) -> bool:
        with contextlib.suppress(KafkaError):
            return not any([await self._missing(group, those) for group, those in ends.items()])
        return False

    async def _missing(self, group: str, ends: Mapping[TopicPartition, int]) -> int:
        stored = await committed_before(self.admin, group, ends)
        return sum(max(0, end - stored[tp]) for tp, end in ends.items())

    async def members(self, group: str) -> int:
        """Living members of a consumer group."""
        return await members(self.admin, group)

    async def delete_group(self, group: str) -> int:
        """Delete a consumer group with its offsets; Kafka's error code, 0 for none."""
        coordinator = await self.admin.find_coordinator(group)
        # aiokafka knows the request but offers no method for it.
        answer = await self.admin._send_request(DeleteGroupsRequest([group]), coordinator)  # noqa: SLF001
        ((_, code),) = answer.results
        return int(code)

    async def between(self, topics: Topics, begins: Mapping[int, int], ends: Mapping[int, int]) -> bool:
        """Whether the raw topic has records from `begins` to below `ends`: the rest may be transaction markers."""
        for number, end in ends.items():
            source, begin = TopicPartition(topics.raw, number), begins[number]
            if begin >= end:
                continue
            self._consumer.assign([source])
            self._consumer.seek(source, begin)
            while await self._consumer.position(source) < end:
                for records in (await self._consumer.getmany(source, timeout_ms=_READ_MS, max_records=1)).values():
                    if records[0].offset < end:
                        return True
        return False
