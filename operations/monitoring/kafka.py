"""What the monitor sees of Kafka: who is how far behind, who works, where a change of generations stands."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from broker import clients
from broker.committed import committed_before, members
from broker.lag_figures import Waits
from broker.partitioning import topic_partitions
from broker.waiting import Waiting
from operations.generations.journal import at_live, read_journal
from operations.lag import kept_seconds, live_readings, readings
from operations.monitoring import metrics
from schemas.wire.generations import JournalError, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    from operations.lag import Reading
    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["KAFKA_ERRORS", "KafkaLook"]

KAFKA_ERRORS: Final = (KafkaError, OSError, TimeoutError, JournalError)

_LOOK_SECONDS: Final = 15.0
_ASK_SECONDS: Final = 6.0
_MS: Final = 1000
# What waits longer than this is behind; a record on its way is not.
_BEHIND_SECONDS: Final = 60.0
# While a change stands at one of these, workers wait for it.
_WAITING: Final = frozenset({Phase.PAUSED, Phase.SWAPPING, Phase.PATCHING})


class KafkaLook:
    """Looks again and again; what was read once is remembered, so that looking costs little.

    Attributes:
        settled: Whether no group of the live generation was more than a minute behind when Kafka last answered; False
            while it does not.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is connected yet; `clock` has seconds from any origin."""
        self._settings = settings
        self._clock = clock
        self._asked: dict[str, Waiting] = {}
        self._topics: set[str] = set()
        self._limited: set[str] = set()
        self.settled = False
        self._waits_since: float | None = None

    async def look(self) -> None:
        """Read all figures once; raises KAFKA_ERRORS, and then Kafka counts as away."""
        try:
            # A broker that is frozen lets each request wait, and there are several.
            async with asyncio.timeout(_LOOK_SECONDS):
                journal = await read_journal(self._settings)
                settings = at_live(self._settings, journal)
                async with clients.opened(clients.admin(settings.kafka_options())) as admin:
                    partitions = await topic_partitions(admin)
                    wanted = [one for one in readings(settings, journal) if one.topic in partitions]
                    live = {one.group for one in live_readings(settings)}
                    await self._look_at_groups(admin, wanted, partitions, live)
                    self._tell_retention(await kept_seconds(admin, sorted({one.topic for one in wanted})))
        except Exception:
            metrics.KAFKA_UP.set(0)
            self.settled = False
            raise
        self.tell_generation(journal)
        metrics.KAFKA_UP.set(1)
        metrics.LOOKED_AT.labels("kafka").set_to_current_time()

    async def close(self) -> None:
        """Close the connections."""
        for asked in self._asked.values():
            await asked.close()
        self._asked = {}

    async def _look_at_groups(
        self, admin: AIOKafkaAdminClient, wanted: list[Reading], partitions: Mapping[str, int], live: set[str]
    ) -> None:
        groups = {reading.group for reading in wanted}
        for gone in self._asked.keys() - groups:
            await self._asked.pop(gone).close()
            metrics.MEMBERS.remove(gone)
            metrics.GROUP_LIVE.remove(gone)
        waits: dict[tuple[str, ...], Waits] = {}
        bounds: dict[TopicPartition, tuple[int, int]] = {}
        for group in sorted(groups):
            metrics.MEMBERS.labels(group).set(await members(admin, group))
            metrics.GROUP_LIVE.labels(group).set(group in live)
            own = (reading for reading in wanted if reading.group == group)
            sources = [tp for reading in own for tp in reading.sources(partitions[reading.topic])]
            asked = self._asked.setdefault(group, Waiting(self._settings.kafka_options(), _ASK_SECONDS))
            queues = await asked.queues(await committed_before(admin, group, sources))
            for tp, queue in queues.items():
                waits[group, tp.topic, str(tp.partition)] = Waits(queue.offsets, queue.since)
            bounds |= asked.bounds
        metrics.LAG.tell(waits)
        oldest = [one.since for (group, *_), one in waits.items() if group in live and one.since is not None]
        self.settled = min(oldest, default=math.inf) / _MS > time.time() - _BEHIND_SECONDS
        topics = {tp.topic for tp in bounds}
        for gone in self._topics - topics:
            metrics.TOPIC_KEPT.remove(gone)
            metrics.TOPIC_END.remove(gone)
        self._topics = topics
        for topic in topics:
            of_topic = [bound for tp, bound in bounds.items() if tp.topic == topic]
            metrics.TOPIC_KEPT.labels(topic).set(sum(end - begin for begin, end in of_topic))
            metrics.TOPIC_END.labels(topic).set(sum(end for _, end in of_topic))

    def tell_generation(self, journal: Journal) -> None:
        """Tell which generation is live, where a change of it stands, and for how long workers have waited for that."""
        metrics.GENERATION.set(journal.live)
        for step in Phase:
            metrics.STEP.labels(step.value).set(journal.step is step)
        if journal.step not in _WAITING:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._clock()
        since = self._waits_since
        metrics.CHANGE_SECONDS.set(0 if since is None else self._clock() - since)

    def _tell_retention(self, kept: Mapping[str, float]) -> None:
        for gone in self._limited - kept.keys():
            metrics.RETENTION.remove(gone)
        self._limited = set(kept)
        for topic, seconds in kept.items():
            metrics.RETENTION.labels(topic).set(seconds)
