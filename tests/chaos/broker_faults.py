"""What can happen to the brokers of a cluster; each fault is one call that returns when all of them run again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from aiokafka.errors import KafkaError

from broker import clients
from schemas.wire.topics import Topics
from streams.transactions import transactional_id
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from deploy.local.kafka import KafkaCluster, KafkaNode
    from schemas.settings import Settings

__all__ = ["FAULTS", "Brokers", "Fault"]

# Longer than a broker's session (3 s), a request (5 s) and a member's session (10 s); shorter than what ends a worker.
_FROZEN_SECONDS: Final = 15.0
_AWAY_SECONDS: Final = 20.0
# A killed broker is away for this long at most before it starts again.
_DEAD_SECONDS: Final = 6.0
_WHOLE_SECONDS: Final = 180
_GROUP: Final = 0
_TRANSACTION: Final = 1


@dataclass(slots=True)
class Brokers:
    """A cluster under trial, and who in it does what for the system with these settings."""

    cluster: KafkaCluster
    settings: Settings

    def node(self, node_id: int) -> KafkaNode:
        """The node with an id."""
        return self.cluster.nodes[node_id - 1]

    def controller(self) -> KafkaNode:
        """The node that leads the controllers, as the voters have written it down."""
        states = []
        for node in self.cluster.nodes:
            # One whose directory was wiped has no say yet.
            with contextlib.suppress(OSError):
                text = (node.directory / "logs" / "__cluster_metadata-0" / "quorum-state").read_bytes()
                states.append(orjson.loads(text))
        return self.node(max((one["leaderEpoch"], one["leaderId"]) for one in states)[1])

    def leader(self, partition: int) -> KafkaNode:
        """The node that leads a partition of the raw topic."""
        return self.node(asyncio.run(self._leader(partition)))

    def group_coordinator(self) -> KafkaNode:
        """The node that keeps the workers' group."""
        return self.node(asyncio.run(self._coordinator(Topics.of(self.settings).application, _GROUP)))

    def transaction_coordinator(self, partition: int) -> KafkaNode:
        """The node that keeps the transactions of a partition of the raw topic."""
        producer = transactional_id(Topics.of(self.settings).application, partition)
        return self.node(asyncio.run(self._coordinator(producer, _TRANSACTION)))

    def wait_until_whole(self) -> None:
        """Wait until every copy of every partition is in sync."""
        asyncio.run(aeventually(self._is_whole, _WHOLE_SECONDS, "all copies in sync"))

    async def _leader(self, partition: int) -> int:
        async with clients.opened(clients.admin(self.settings.kafka_options())) as admin:
            (topic,) = await admin.describe_topics([Topics.of(self.settings).raw])
        return int(next(one["leader"] for one in topic["partitions"] if one["partition"] == partition))

    async def _coordinator(self, name: str, kind: int) -> int:
        async with clients.opened(clients.admin(self.settings.kafka_options())) as admin:
            return int(await admin.find_coordinator(name, kind))

    async def _is_whole(self) -> bool:
        with contextlib.suppress(KafkaError):
            async with clients.opened(clients.admin(self.settings.kafka_options(), request_timeout_ms=5_000)) as admin:
                partitions = [one for topic in await admin.describe_topics() for one in topic["partitions"]]
                copies = len(self.cluster.nodes)
                return all(len(one["isr"]) == copies and one["leader"] >= 0 for one in partitions)
        return False


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens: what the table calls it, and what does it."""

    name: str
    happen: Callable[[Brokers, random.Random], None]


@contextlib.contextmanager
def _frozen(*nodes: KafkaNode) -> Iterator[None]:
    """Stop nodes where they are, for a while."""
    for node in nodes:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for node in nodes:
            os.kill(node.pid, signal.SIGCONT)


def _kill(nodes: Sequence[KafkaNode], seconds: float) -> None:
    """End nodes at once, and start all of them after a while."""
    for node in nodes:
        node.kill()
    time.sleep(seconds)
    with ThreadPoolExecutor(len(nodes)) as threads:
        list(threads.map(lambda node: node.start(), nodes))


def _kill_one(node: KafkaNode, rnd: random.Random) -> None:
    _kill([node], rnd.uniform(0, _DEAD_SECONDS))


def _freeze(node: KafkaNode) -> None:
    with _frozen(node):
        time.sleep(_FROZEN_SECONDS)


def _some(brokers: Brokers, rnd: random.Random, count: int) -> list[KafkaNode]:
    return rnd.sample(brokers.cluster.nodes, count)


def _partition(brokers: Brokers, rnd: random.Random) -> int:
    return rnd.randrange(brokers.settings.partitions)


def _kill_any(brokers: Brokers, rnd: random.Random) -> None:
    _kill_one(_some(brokers, rnd, 1)[0], rnd)


def _kill_leader(brokers: Brokers, rnd: random.Random) -> None:
    _kill_one(brokers.leader(_partition(brokers, rnd)), rnd)


def _kill_controller(brokers: Brokers, rnd: random.Random) -> None:
    _kill_one(brokers.controller(), rnd)


def _kill_transaction_coordinator(brokers: Brokers, rnd: random.Random) -> None:
    _kill_one(brokers.transaction_coordinator(_partition(brokers, rnd)), rnd)


def _freeze_any(brokers: Brokers, rnd: random.Random) -> None:
    _freeze(_some(brokers, rnd, 1)[0])


def _freeze_leader(brokers: Brokers, rnd: random.Random) -> None:
    _freeze(brokers.leader(_partition(brokers, rnd)))


def _freeze_controller(brokers: Brokers, _rnd: random.Random) -> None:
    _freeze(brokers.controller())


def _freeze_group_coordinator(brokers: Brokers, _rnd: random.Random) -> None:
    _freeze(brokers.group_coordinator())


def _freeze_transaction_coordinator(brokers: Brokers, rnd: random.Random) -> None:
    _freeze(brokers.transaction_coordinator(_partition(brokers, rnd)))


def _roll(brokers: Brokers, _rnd: random.Random) -> None:
    """End each in good order and start it again, the next one when every copy is in sync."""
    for node in brokers.cluster.nodes:
        node.stop()
        node.start()
        brokers.wait_until_whole()


def _kill_two(brokers: Brokers, rnd: random.Random) -> None:
    _kill(_some(brokers, rnd, 2), _AWAY_SECONDS)


def _freeze_two(brokers: Brokers, rnd: random.Random) -> None:
    with _frozen(*_some(brokers, rnd, 2)):
        time.sleep(_AWAY_SECONDS)


def _wipe(brokers: Brokers, rnd: random.Random) -> None:
    """Kill one and delete all that it had; it begins anew and gets its copies from the others."""
    (node,) = _some(brokers, rnd, 1)
    node.kill()
    shutil.rmtree(node.directory / "logs")
    node.start()


FAULTS: Final = (
    Fault("a broker killed", _kill_any),
    Fault("a partition's leader killed", _kill_leader),
    Fault("a transaction coordinator killed", _kill_transaction_coordinator),
    Fault("the controller killed", _kill_controller),
    Fault(f"a broker frozen for {_FROZEN_SECONDS:g} s", _freeze_any),
    Fault(f"a partition's leader frozen for {_FROZEN_SECONDS:g} s", _freeze_leader),
    Fault(f"the workers' group coordinator frozen for {_FROZEN_SECONDS:g} s", _freeze_group_coordinator),
    Fault(f"a transaction coordinator frozen for {_FROZEN_SECONDS:g} s", _freeze_transaction_coordinator),
    Fault(f"the controller frozen for {_FROZEN_SECONDS:g} s", _freeze_controller),
    Fault("all three rolled, one after another", _roll),
    Fault(f"two of three killed for {_AWAY_SECONDS:g} s", _kill_two),
    Fault(f"two of three frozen for {_AWAY_SECONDS:g} s", _freeze_two),
    Fault("a broker's directory wiped", _wipe),
)
