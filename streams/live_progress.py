"""The live generation as a replay follows it: never ahead of it, and bound by what its rules ignored."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiokafka
import orjson
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker import clients
from broker.committed import committed
from broker.watched import Watched
from schemas.wire.derived import FIRST_OFFSET, LAST_OFFSET, RECOMPUTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.wire.topics import Topics

__all__ = ["LiveProgress"]

_log: Final = structlog.stdlib.get_logger("streams")

_POLL_S: Final = 0.2
_READ_MS: Final = 200
_IGNORED: Final = b'"verdict":"ignored"'
_NOWHERE: Final = -1


@dataclass(slots=True)
class _Tail:
    """How far the recorded outcomes of a partition are read, and which verdicts of them are still wanted."""

    reader: aiokafka.AIOKafkaConsumer
    first: int = _NOWHERE
    verdicts: deque[tuple[int, list[int]]] = field(default_factory=deque)


class LiveProgress:
    """Follows the committed offsets of the live generation's workers and, if asked, their verdicts by rule.

    What is computed stays behind what the live generation has committed. So there is one offset for each partition
    up to which the live one did everything, also what only a live one does, and from which its successor does; and
    every webhook that is computed has a recorded outcome.

    Attributes:
        ignored: Text of what a rule ignored, by version of the webhook, as far as it is needed now; None where today's
            rules judge.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        leader: Topics,
        partitions: int,
        *,
        as_recorded: bool,
        patched: Mapping[int, int] | None = None,
    ) -> None:
        """Follow the generation of `leader`; nothing is connected yet.

        `patched` are the offsets of the outcomes, by partition, from which on there may be verdicts that replace
        earlier ones.
        """
        self._patched = patched or {}
        # Versions whose verdict was replaced: the earlier one says nothing any more.
        self._replaced: set[int] = set()
        self.ignored: dict[int, str] | None = {} if as_recorded else None
        self._options = options
        self._leader = leader
        self._partitions = partitions
        self._committed: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._moved = asyncio.Condition()
        self._tails: dict[int, _Tail] = {}
        self._running = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Begin to follow; raises aiokafka's KafkaError."""
        # What was committed together is not seen at once by who reads what is committed: an offset may be before the
        # records that were written with it are. So ends are those of all that is written, and reading up to them waits.
        ends = await self._reader(isolation_level="read_uncommitted")
        if self.ignored is not None:
            await self._read_patches(ends, self.ignored)
        admin = clients.bounded(clients.admin(self._options))
        self._running.push_async_callback(admin.close)
        await admin.start()
        following = Watched("live progress", partial(self._follow, admin, ends)).start()
        self._running.push_async_callback(following.stop)

    async def stop(self) -> None:
        """Close the connections."""
        with contextlib.suppress(KafkaError):
            await self._running.aclose()

    async def passes(self, partition: int, offset: int, progressed: Callable[[], None]) -> int:
        """Wait until the live generation has committed past a raw offset; where it stands then.

        `progressed` is called while waiting, for to stand behind a leader that waits is no stall.
        """
        async with self._moved:
            while self._committed.get(partition, 0) <= offset:
                await self._moved.wait()
                progressed()
            return self._committed[partition]

    async def read_verdicts(self, partition: int, end: int) -> None:
        """Know what was ignored among the webhooks of a partition below a raw offset that the live one has passed."""
        if self.ignored is None:
            return
        source = TopicPartition(self._leader.outcomes, partition)
        if (tail := self._tails.get(partition)) is None:
            reader = await self._reader()
            reader.assign([source])
            await reader.seek_to_beginning(source)
            tail = self._tails[partition] = _Tail(reader)
        reach = self._ends[partition]
        while tail.first < end and await tail.reader.position(source) < reach:
            for record in (await tail.reader.getmany(source, timeout_ms=_READ_MS)).get(source, ()):
                self._take(tail, record)

    def forget_verdicts(self, partition: int, offset: int) -> None:
        """Forget verdicts of webhooks below a raw offset."""
        tail = self._tails.get(partition)
        if tail is None or self.ignored is None:
            return
        while tail.verdicts and tail.verdicts[0][0] < offset:
            for version in tail.verdicts.popleft()[1]:
                self.ignored.pop(version, None)

    def _take(self, tail: _Tail, record: Any) -> None:
        headers = dict(record.headers)
        if FIRST_OFFSET not in headers:
            return
        tail.first = int(headers[FIRST_OFFSET])
        if not record.value or _IGNORED not in record.value or self.ignored is None:
            return
        versions = []
        for line in record.value.split(b"\n"):
            if _IGNORED in line:
                row = orjson.loads(line)
                if row["version"] in self._replaced:
                    continue
                self.ignored[row["version"]] = row["status_text"]
                versions.append(row["version"])
        tail.verdicts.append((int(headers[LAST_OFFSET]), versions))

    async def _read_patches(self, ends: aiokafka.AIOKafkaConsumer, ignored: dict[int, str]) -> None:
        """Know the verdicts that replace others before the first of those is met; they are few, and stay."""
        if not self._patched:
            return
        async with clients.opened(self._consumer()) as reader:
            for number, offset in self._patched.items():
                source = TopicPartition(self._leader.outcomes, number)
                reader.assign([source])
                begin = (await reader.beginning_offsets([source]))[source]
                end = (await ends.end_offsets([source]))[source]
                reader.seek(source, max(begin, offset))
                while await reader.position(source) < end:
                    for record in (await reader.getmany(source, timeout_ms=_READ_MS)).get(source, ()):
                        if RECOMPUTED in dict(record.headers):
                            self._replace(record.value.split(b"\n"), ignored)

    def _replace(self, lines: Sequence[bytes], ignored: dict[int, str]) -> None:
        for line in lines:
            row = orjson.loads(line)
            self._replaced.add(row["version"])
            ignored.pop(row["version"], None)
            if row.get("verdict") == "ignored":
                ignored[row["version"]] = row["status_text"]

    def _consumer(self, **more: Any) -> aiokafka.AIOKafkaConsumer:
        return clients.consumer(self._options, max_partition_fetch_bytes=4 << 20, **more)

    async def _reader(self, **more: Any) -> aiokafka.AIOKafkaConsumer:
        reader = self._consumer(**more)
        self._running.push_async_callback(reader.stop)
        await reader.start()
        return reader

    async def _follow(self, admin: AIOKafkaAdminClient, writing: aiokafka.AIOKafkaConsumer) -> None:
        raw = [TopicPartition(self._leader.raw, number) for number in range(self._partitions)]
        outcomes = [TopicPartition(self._leader.outcomes, number) for number in range(self._partitions)]
        while True:
            try:
                offsets = await committed(admin, self._leader.application, raw)
                # After the offsets: what was committed with them is below these ends.
                ends = await writing.end_offsets(outcomes) if self.ignored is not None else {}
            except (KafkaError, OSError) as error:
                _log.warning("the live generation's offsets cannot be read", reason=repr(error))
            else:
                async with self._moved:
                    self._committed = {tp.partition: at.offset for tp, at in offsets.items()}
                    self._ends = {tp.partition: end for tp, end in ends.items()}
                    self._moved.notify_all()
            await asyncio.sleep(_POLL_S)
