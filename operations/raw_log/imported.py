"""How far an import of history into a raw topic is, as Kafka keeps it: an offset that counts rows, and a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition

from broker.committed import committed
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings

__all__ = ["ImportNote", "home", "read_note"]


class ImportNote(msgspec.Struct, frozen=True, kw_only=True):
    """The last rows that were taken, and how many: records that were written of both kinds, and rows left out.

    `first_webhook` and `first_telemetry_at` are an id and an instant of the first that were ever taken.

    `begin` is an offset that no partition began behind then: one that does now has lost records.

    Where a log that has webhooks is to follow, `end` is the offset that its longest partition ended at then, `until`
    when its first webhook came, in microseconds.

    It was `found` in the log's own records, after Kafka had forgotten it: what was left out is not known then.
    """

    webhook: int = -1
    telemetry_at: int = -(1 << 62)
    telemetry: int = -1
    first_webhook: int | None = None
    first_telemetry_at: int | None = None
    webhooks: int = 0
    documents: int = 0
    left_out: int = 0
    begin: int = 0
    end: int | None = None
    until: int | None = None
    found: bool = False

    @property
    def rows(self) -> int:
        """How many were taken."""
        return self.webhooks + self.documents + self.left_out


def home(settings: Settings) -> TopicPartition:
    """The partition that the note is committed for, whatever partitions records go to."""
    return TopicPartition(Topics.of(settings).raw, 0)


async def read_note(settings: Settings, admin: AIOKafkaAdminClient) -> ImportNote | None:
    """How far the import is; None where none was begun, or Kafka has forgotten. Raises aiokafka's KafkaError."""
    place = home(settings)
    at = (await committed(admin, Topics.of(settings).imports_into(place.topic), [place]))[place]
    return None if at.offset < 0 else msgspec.json.decode(at.metadata, type=ImportNote)
