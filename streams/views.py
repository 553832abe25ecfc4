"""Follows the compacted reference topics (ignore rules, directory) into an in-memory object; knows nothing of Faust."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiokafka
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker import clients
from broker.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from schemas.reference.lookup import Kind
    from schemas.wire.topics import Topics

__all__ = ["BadReference", "ReferenceFollower", "ReferenceView", "reference_topics"]

_log: Final = structlog.stdlib.get_logger("streams")

_PARTITION: Final = 0
_POLL_MS: Final = 1_000


class ReferenceView(Protocol):
    """Keeps the last good value of each key."""

    def apply(self, kind: Kind, key: bytes, value: bytes | None, /) -> None:
        """Take a record in; None is a tombstone. Raises ValueError for a bad one, which then changes nothing."""


@dataclass(frozen=True, slots=True)
class BadReference:
    """A record that the view refused; `record` is aiokafka's."""

    kind: Kind
    record: Any
    reason: str


def reference_topics(topics: Topics) -> dict[str, Kind]:
    """Kind of reference data by topic name."""
    return {
        topics.ignore_rules: "ignore-rules",
        topics.assets: "assets",
        topics.users: "users",
        topics.tasks: "tasks",
        topics.academies: "academies",
        topics.tokens: "tokens",
    }


class ReferenceFollower:
    """Applies every committed record of the reference topics to a view, first all there are, then each as it arrives.

    A record is in force as soon as the broker hands it over (a long poll: milliseconds). A bad record is logged, given
    to `on_bad` and otherwise passed over: the last good value stays. A restart meets it again; who receives it decides
    whether that matters.

    Attributes:
        complete: Set once everything that was in the topics at the start is applied.
    """

    def __init__(
        self,
        topics: Topics,
        options: Mapping[str, Any],
        view: ReferenceView,
        *,
        on_bad: Callable[[BadReference], None] | None = None,
        on_failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.complete = asyncio.Event()
        self._kinds = reference_topics(topics)
        self._view = view
        self._on_bad = on_bad
        self._on_failed = on_failed
        self._options = options
        self._running = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Connect and begin to follow; wait for `complete` before relying on the view.

        Raises aiokafka.errors.KafkaError if the broker cannot be reached.
        """
        consumer = clients.consumer(self._options, auto_offset_reset="earliest")
        self._running.push_async_callback(consumer.stop)
        await consumer.start()
        following = Watched("reference views", partial(self._follow, consumer), failed=self._failed).start()
        self._running.push_async_callback(following.stop)

    async def stop(self) -> None:
        """Stop following; the view keeps what it has."""
        with contextlib.suppress(KafkaError):
            await self._running.aclose()

    def _failed(self, error: BaseException) -> None:
        _log.critical("reference views stopped", exc_info=error)
        if self._on_failed is not None:
            # Whoever relies on the view must hear of it.
            self._on_failed(error)

    async def _follow(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        partitions = [TopicPartition(topic, _PARTITION) for topic in self._kinds]
        consumer.assign(partitions)
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, begins[tp])
        while not await _reached(consumer.position, ends):
            await self._apply_next(consumer)
        self.complete.set()
        _log.info("reference views complete", records=sum(ends.values()))
        while True:
            await self._apply_next(consumer)

    async def _apply_next(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            for record in records:
                self._apply(self._kinds[tp.topic], record)

    def _apply(self, kind: Kind, record: Any) -> None:
        try:
            if record.key is None:
                message = "a reference record needs a key"
                raise ValueError(message)  # noqa: TRY301 - one way out for every bad record
            self._view.apply(kind, record.key, record.value)
        except Exception as error:  # noqa: BLE001 - one record must not stop the others, whatever is wrong with it
            _log.warning("bad reference record passed over", kind=kind, offset=record.offset, reason=str(error))
            if self._on_bad is not None:
                self._on_bad(BadReference(kind, record, str(error)))


async def _reached(position: Callable[[TopicPartition], Awaitable[int]], ends: Mapping[TopicPartition, int]) -> bool:
    return all([await position(tp) >= end for tp, end in ends.items()])
