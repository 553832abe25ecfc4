"""Before a copy of the log is processed by a generation that the settings name: it learns which completions were told.

Its workers compute everything anew, and tell the LMS at once what follows. What the live generation has told is written
into their state before they begin, so that it is not told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from broker.partitioning import partition_of, topic_partitions
from broker.reading import read_cells
from operations.generations.journal import read_journal
from operations.generations.offsets import Offsets
from operations.wording import counted
from schemas.wire.pseudonyms import PREFIX
from schemas.wire.topics import Topics
from schemas.wire.webhook import record_key
from streams.core.completions import Told, remembering
from streams.messages import keyed
from streams.offsets import Checkpoint, committed
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from streams.messages import Headers

__all__ = ["Untold", "carry_told", "untold"]


@dataclass(frozen=True, slots=True)
class Untold:
    """What a generation does not know of what was told: a cell of its state by actor, and where its log begins."""

    missing: Mapping[str, tuple[bytes, bytes]]
    begins: Mapping[int, int]
    generation: int

    def __str__(self) -> str:
        """What is so once it has been carried."""
        told = counted(len(self.missing), "student", ",")
        return f"generation {self.generation} knows whose completions were told: {told}"


async def untold(settings: Settings) -> Untold | None:
    """What `carry_told` would carry; None where that is nothing. Changes nothing; raises as it does."""
    journal = await read_journal(settings)
    if "generation" not in settings.model_fields_set or journal.live == settings.generation:
        return None
    target = Topics.of(settings)
    live = target.of_generation(journal.live)
    async with Offsets(settings) as offsets:
        begins, worked = await offsets.begins(target), await offsets.worked(target)
        partitions = (await topic_partitions(offsets.admin)).get(live.changelog, 0)
        # One that has begun learns what the live one has told since, as long as nobody works on it.
        works = worked != begins and await offsets.members(target.application)
    if not partitions or works:
        return None
    told, known = await _told(settings, live, partitions), await _told(settings, target, settings.partitions)
    missing = remembering(told, known)
    return Untold(missing, begins, target.generation) if missing else None


async def carry_told(settings: Settings) -> list[str]:
    """Carry what was told into a generation that nobody works on; what was done, a line each, nothing the second time.

    Only where the settings name a generation that is not the live one. Raises aiokafka's KafkaError and JournalError.
    """
    found = await untold(settings)
    if found is None:
        return []
    cells: dict[int, list[tuple[bytes, bytes | None, Headers]]] = {}
    for actor, (key, value) in found.missing.items():
        for number in _homes(actor, settings.partitions):
            cells.setdefault(number, []).append((key, value, []))
    for number, some in cells.items():
        await _write(settings, Topics.of(settings), number, found.begins[number], some)
    return [str(found)]


def _homes(actor: str, partitions: int) -> range:
    """The partitions on which an actor's webhooks may be: one, unless the key has what the pseudonym hides."""
    if actor.startswith(PREFIX):
        return range(partitions)
    number = partition_of(record_key(actor), partitions)
    return range(number, number + 1)


async def _told(settings: Settings, topics: Topics, partitions: int) -> Told:
    whole = Told()
    with_partitions = settings.model_copy(update={"partitions": partitions})
    async with Offsets(with_partitions) as offsets:
        ends = await offsets.ends_in(topics.changelog)
    async for _, cells in read_cells(with_partitions, topics.changelog, {}, ends):
        whole.take(cells)
    return whole


async def _write(
    settings: Settings, target: Topics, number: int, begin: int, cells: list[tuple[bytes, bytes | None, Headers]]
) -> None:
    options, limit = settings.kafka_options(), settings.max_message_bytes
    producer = PartitionProducer(target.application, number, options, max_message_bytes=limit)
    try:
        await producer.start()
        source = TopicPartition(target.raw, number)
        checkpoint = (await committed(options, target.application, [source]))[source]
        if checkpoint.offset is None:
            checkpoint = Checkpoint(begin)
        messages = {TopicPartition(target.changelog, number): keyed("a state", cells, limit)}
        await producer.commit(messages, source, checkpoint.offset or begin, checkpoint.metadata)
    finally:
        await producer.stop()
