"""How far an archive was restored into a topic, as Kafka keeps it: an offset and a note for each partition of the log.

They are committed for the partitions of the topic that is restored, because the one that was archived may be gone. What
is committed is an offset of that one, though.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition

from broker.committed import committed
from broker.partitioning import topic_partitions
from operations.raw_log.errors import RawLogError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings

__all__ = ["Note", "Restored", "read_progress", "restored_until"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted of a partition when a restore is begun.

    `end` is the offset that new records are to be behind, `without` names the students who are left out, `goal` is the
    offset behind the last record to restore.
    """

    end: int
    without: str
    goal: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The offset behind the last record that was restored, and the note, for each partition of the archived log."""

    offsets: dict[int, int] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        """Whether records are still to come."""
        return any(offset < self.notes[partition].goal for partition, offset in self.offsets.items())

    def noted(self, partition: int) -> tuple[int, str] | None:
        """`end` and `without` of a partition; None where nothing was restored into the topic."""
        note = self.notes.get(partition)
        return None if note is None else (note.end, note.without)


async def read_progress(settings: Settings, admin: AIOKafkaAdminClient, target: str) -> Restored:
    """How far a restore is; empty where none was begun. Raises aiokafka's KafkaError."""
    restored = [TopicPartition(target, number) for number in range((await topic_partitions(admin)).get(target, 0))]
    commits = await committed(admin, Topics.of(settings).restores_into(target), restored)
    begun = {tp.partition: commit for tp, commit in commits.items() if commit.offset >= 0}
    return Restored(
        {partition: commit.offset for partition, commit in begun.items()},
        {partition: msgspec.json.decode(commit.metadata, type=Note) for partition, commit in begun.items()},
    )


async def restored_until(settings: Settings, admin: AIOKafkaAdminClient, target: str) -> Restored:
    """The same of a restore that is finished. Raises RawLogError if it is not, and aiokafka's KafkaError."""
    restored = await read_progress(settings, admin, target)
    if restored.unfinished:
        message = f"an archive was not restored into {target} to its end: run `raw restore` again, then this."
        raise RawLogError(message)
    return restored
