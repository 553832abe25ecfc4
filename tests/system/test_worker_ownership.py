"""Taking a partition over fences its previous owner before anything is read; older generations are forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from streams import offsets as offsets_module
from streams import partition as partition_module
from streams.bad_references import BadReferences
from streams.chunk import ChunkLimits, cut
from streams.context import PartitionContext
from streams.limits import Limits
from streams.mandate import Unlimited
from streams.ownership import Ownership
from streams.transactions import transactional_id
from tests.chaos.fake_core import CORE
from tests.chaos.kafka import create_topics, lines, produce, read_all
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from schemas.settings import Settings
    from schemas.wire.topics import Topics
    from streams.exits import End
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


@dataclass
class Values:
    """A state store in a dictionary."""

    values: dict[bytes, bytes] = field(default_factory=dict)

    def reader(self, _partition: int) -> Callable[[bytes], bytes | None]:
        """Current values."""
        return self.values.get

    def restored_to(self, _partition: int) -> None:
        """Always empty at first."""

    def write(
        self, _partition: int, changes: Iterable[tuple[bytes, bytes | None]], _offset: int | None, _now: float
    ) -> None:
        """Apply changes."""
        for key, value in changes:
            self.values.pop(key, None) if value is None else self.values.update({key: value})

    def wipe(self, _partition: int) -> None:
        """Forget everything."""
        self.values.clear()


class Log:
    """A consumer that is never moved."""

    async def resume_at(self, _partition: int, _offset: int) -> None:
        """Nothing to fetch: the test submits chunks."""

    async def log_start(self, _partition: int) -> int:
        """The log is whole."""
        return 0


class Held(Unlimited):
    """A mandate that holds until it does not."""

    is_held = True

    async def holds(self) -> bool:
        """As the test says."""
        return self.is_held


@dataclass
class Hands:
    """An owner of partition 0 with what it is made of."""

    settings: Settings
    topics: Topics
    store: Values
    owner: Ownership
    ended: list[Any]
    mandate: Held
    superseded: asyncio.Event


@pytest.fixture
async def hands(settings: SettingsFactory) -> AsyncIterator[Hands]:
    """An owner without Faust on a raw topic of six records."""
    own = settings(partitions=1)
    topics, store, ended = await create_topics(own), Values(), list[Any]()
    await produce(own.kafka, topics.raw, [(0, b"u", b"{}", [])] * 6)
    complete, superseded, mandate = asyncio.Event(), asyncio.Event(), Held()
    complete.set()

    def end(code: Any, *_message: Any, **_fields: Any) -> Any:
        ended.append(code)

    context = PartitionContext(
        topics=topics,
        core=CORE,
        options=own.kafka_options(),
        store=store,
        log=Log(),
        limits=Limits(),
        max_message_bytes=1 << 20,
        views_complete=complete,
        bad_references=BadReferences(topics, own.kafka_options(), max_message_bytes=1 << 20),
        progressed=lambda: None,
        end=cast("End", end),
        mandate=mandate,
        superseded=superseded.set,
    )
    owner = Ownership(lambda: context, on_ready=lambda: None, on_unready=lambda: None)
    yield Hands(own, topics, store, owner, ended, mandate, superseded)
    await owner.release()


async def _opened(owner: Ownership) -> bool:
    return owner.is_open(0)


async def test_the_previous_owner_is_fenced_before_its_offset_is_read(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was paused in mid-transaction cannot commit any more when the new owner asks for the offset."""
    zombie = aiokafka.AIOKafkaProducer(
        bootstrap_servers=hands.settings.kafka, transactional_id=transactional_id(hands.topics.application, 0)
    )
    await zombie.start()
    await zombie.begin_transaction()
    await zombie.send_and_wait(hands.topics.changelog, b'{"n":99}', key=b"ghost", partition=0)
    raw = TopicPartition(hands.topics.raw, 0)
    await zombie.send_offsets_to_transaction({raw: OffsetAndMetadata(6, "")}, hands.topics.application)
    committed, fates = offsets_module.committed, list[str]()

    async def wake_zombie_first(*arguments: Any) -> Any:
        try:
            await asyncio.wait_for(zombie.commit_transaction(), 45)
            fates.append("committed")
        except KafkaError as error:
            fates.append(type(error).__name__)
        return await committed(*arguments)

    monkeypatch.setattr(partition_module, "committed", wake_zombie_first)
    hands.owner.take(1, [0])
    await aeventually(lambda: _opened(hands.owner), 90, "the partition to open")
    await asyncio.wait_for(zombie.stop(), 45)

    assert fates == ["ProducerFenced"]
    assert hands.owner.partitions[0].admission.position == 0
    assert hands.store.values == {}


async def test_what_must_not_be_worked_on_any_more_is_not_opened(hands: Hands) -> None:
    """A generation that is paused while a worker begins with it: the process is to begin again, and ends well."""
    hands.mandate.is_held = False
    hands.owner.take(1, [0])
    await asyncio.wait_for(hands.superseded.wait(), 60)

    await asyncio.wait_for(hands.owner.release(), 60)

    assert not hands.owner.is_open(0)
    assert hands.ended == []


async def test_a_chunk_of_an_older_generation_is_dropped(hands: Hands) -> None:
    """Only what the current generation fetched is processed; the position comes from the broker again."""
    (raw,) = await read_all(hands.settings.kafka, hands.topics.raw, 1)
    first, second = cut(hands.topics.raw, 0, 0, raw, ChunkLimits(records=3))
    hands.owner.take(1, [0])
    await aeventually(lambda: _opened(hands.owner), 30, "the partition to open")
    await hands.owner.submit(first, 1)
    await aeventually(lambda: _at(hands.owner, 3), 30, "the first chunk")

    await hands.owner.release()
    hands.owner.take(2, [0])
    await aeventually(lambda: _opened(hands.owner), 30, "the partition to open again")
    await hands.owner.submit(second, 1)
    for _ in range(3):
        # Each waits for the one before: what came before all of them has been processed.
        await hands.owner.submit(first, 2)
    assert hands.owner.partitions[0].admission.position == 3
    await hands.owner.submit(second, 2)
    await aeventually(lambda: _at(hands.owner, 6), 30, "the second chunk")

    (facts,) = await read_all(hands.settings.kafka, hands.topics.facts, 1)
    assert len(lines(facts)) == 6
    assert hands.ended == []


async def _at(owner: Ownership, position: int) -> bool:
    return owner.partitions[0].admission.position == position
