"""Brings the LMS's rows into an empty raw topic as the records of then, each once, however often it is interrupted.

A run of records is one transaction with how far the import is. History has to come first: what is effective never steps
back in time, so what a student did years ago would count as of today behind a webhook of today.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiokafka.errors import ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from broker import clients
from broker.partitioning import partition_of
from operations.history.beginning import begin_before, begin_in, removed_before, require_retention
from operations.history.errors import HistoryError
from operations.history.records import records_of
from operations.history.rows import WebhookRow
from operations.history.sources import BEGIN, Position, Span, in_order
from operations.raw_log.imported import home
from operations.raw_log.producer import transactional_producer
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from operations.history.records import Import, Rules
    from operations.history.rows import Row
    from operations.history.sources import Source
    from operations.raw_log.imported import ImportNote
    from schemas.settings import Settings

__all__ = ["Imported", "import_history"]

_CHUNK_ROWS: Final = 1_000
_CHUNK_BYTES: Final = 4 << 20
_SHOWN: Final = 5


@dataclass(slots=True)
class Imported:
    """What a run did: rows of both kinds that became records, of `total` rows to take.

    Runs before took `there` rows and left `left_out_before` out. `behind` rows of the source lie before where the
    import was; of `passed_over` of them it is known that they were never taken. Of what was imported Kafka has removed
    all from before the day `removed_before`. `commands` are scores that staff had set. `left_out` counts rows by why,
    `too_large` names the first of those. Of `dropped` rows some scores that staff had set were not
    taken; `dropped_of` names the first.
    Before the first row `filled` of `to_fill` offsets of a new topic are; rows from `until` on (microseconds) are left
    to the log that is to follow, or does: `beyond` rows of the source, whether that has them or not. `waiting` rows are
    so young that the next run takes them. How far the import was is `found` again in the log.
    """

    filled: int = 0
    to_fill: int = 0
    until: int | None = None
    beyond: int = 0
    found: bool = False
    waiting: int = 0
    total: int = 0
    there: int = 0
    left_out_before: int = 0
    behind: int = 0
    passed_over: int = 0
    removed_before: str | None = None
    webhooks: int = 0
    documents: int = 0
    commands: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)
    dropped: int = 0
    dropped_of: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that this run has taken."""
        return self.webhooks + self.documents + sum(self.left_out.values())

    @property
    def may_be_passed_over(self) -> int:
        """Rows behind of which nobody knows whether they were taken: those of another source than was imported."""
        return self.behind if not self.passed_over and self.behind != self.there + self.left_out_before else 0


async def import_history(
    settings: Settings,
    source: Source,
    rules: Rules,
    *,
    since: int | None = None,
    into: str = "",
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Import every row that was not imported before; run it again for those that came since.

    Args:
        settings: Name the raw topic, which has no record yet that did not come by an import.
        source: Where the rows are.
        rules: How they are imported.
        since: Leave out rows before this instant, in microseconds.
        into: A new topic, behind the prefix, that is to be before the raw topic, which has webhooks; rows from the time
            of the first of those on are left out.
        progress: Called while offsets are filled, once it is known how many rows there are, and after transactions.

    Raises HistoryError and RawLogError where the topic is not fit for it, OperatorError where the source cannot be
    read, and aiokafka's KafkaError.
    """
    target = settings.model_copy(update={"raw_topic": into}) if into else settings
    topics, done = Topics.of(target), Imported()
    producer = transactional_producer(settings, topics.imports_into(topics.raw))

    def filled(so_far: int, of: int) -> None:
        done.filled, done.to_fill = so_far, of
        progress(done)

    try:
        # An earlier run that is still alive can commit nothing from here on.
        await producer.start()
        async with clients.opened(clients.admin(settings.kafka_options())) as admin:
            begun = begin_before(settings, admin, into, filled) if into else begin_in(settings, admin)
            partitions, note = await begun
            done.removed_before = await removed_before(target, partitions, note)
            span = Span(since, note.until)
            reached = Position(
                note.webhook, note.telemetry_at, note.telemetry, note.first_webhook, note.first_telemetry_at
            )
            survey = await asyncio.to_thread(source.survey, span, reached)
            if note.until is not None:
                after = Span(note.until if since is None else max(note.until, since))
                rest = await asyncio.to_thread(source.survey, after, BEGIN)
                done.beyond = rest.webhooks + rest.telemetry + rest.waiting
            if survey.oldest is not None:
                await require_retention(target, admin, survey.oldest)
        if note.found:
            # What lies there without a record was left out, as far as anybody knows.
            done.found, left_out = True, max(0, survey.passed - note.rows)
            note = msgspec.structs.replace(note, left_out=left_out, found=False)
        done.waiting = survey.waiting
        done.total, done.until = survey.webhooks + survey.telemetry + survey.untimed, note.until
        done.there, done.left_out_before = note.webhooks + note.documents, note.left_out
        # More than were ever taken cannot have been taken, nor what is before the first.
        done.behind = survey.passed
        done.passed_over = max(survey.missed, survey.passed - note.rows)
        if survey.untimed:
            done.left_out["untimed"] = survey.untimed
        progress(done)
        writer = _Writer(target, producer, partitions)
        await writer.commit([], note)
        rows = in_order(
            source.webhooks(span, note.webhook), source.telemetry(span, (note.telemetry_at, note.telemetry))
        )
        while chunk := await asyncio.to_thread(_next_chunk, rows, rules):
            note = _counted(done, note, chunk)
            await writer.commit([made for _, made in chunk], note)
            progress(done)
    except ProducerFenced as error:
        message = f"another import into {topics.raw} was started and has taken over: let it finish."
        raise HistoryError(message) from error
    finally:
        await producer.stop()
    return done


@dataclass(frozen=True, slots=True)
class _Writer:
    settings: Settings
    producer: Any
    partitions: int

    async def commit(self, some: list[Import], note: ImportNote) -> None:
        """Write the records of some rows and how far the import is with them, both or neither."""
        topics = Topics.of(self.settings)
        async with self.producer.transaction():
            sent = [
                await self.producer.send(
                    topics.raw,
                    record.value,
                    record.key,
                    partition=partition_of(record.key, self.partitions),
                    timestamp_ms=record.timestamp,
                    headers=record.headers,
                )
                for made in some
                for record in made.records
            ]
            # Without this a batch that failed for good would be left out of a transaction that commits.
            await asyncio.gather(*sent)
            at = OffsetAndMetadata(note.rows, msgspec.json.encode(note).decode())
            group = topics.imports_into(topics.raw)
            await self.producer.send_offsets_to_transaction({home(self.settings): at}, group)


def _next_chunk(rows: Iterator[Row], rules: Rules) -> list[tuple[Row, Import]]:
    chunk: list[tuple[Row, Import]] = []
    size = 0
    for row in islice(rows, _CHUNK_ROWS):
        made = records_of(row, rules)
        chunk.append((row, made))
        size += sum(len(record.value) for record in made.records)
        if size >= _CHUNK_BYTES:
            break
    return chunk


def _counted(done: Imported, note: ImportNote, chunk: list[tuple[Row, Import]]) -> ImportNote:
    before = (done.webhooks, done.documents, sum(done.left_out.values()))
    position: dict[str, int] = {}
    first_webhook, first_telemetry_at = note.first_webhook, note.first_telemetry_at
    for row, made in chunk:
        is_webhook = isinstance(row, WebhookRow)
        if is_webhook:
            position["webhook"] = row.id
            first_webhook = row.id if first_webhook is None else first_webhook
        else:
            position |= {"telemetry_at": row.at, "telemetry": row.id}
            first_telemetry_at = row.at if first_telemetry_at is None else first_telemetry_at
        name = f"{'LearnPackWebhook' if is_webhook else 'AssignmentTelemetry'} {row.id}"
        if made.dropped:
            done.dropped += 1
            if len(done.dropped_of) < _SHOWN:
                done.dropped_of.append(f"{name} ({', '.join(made.dropped)})")
        if made.left_out:
            done.left_out[made.left_out] = done.left_out.get(made.left_out, 0) + 1
            if made.left_out == "too-large" and len(done.too_large) < _SHOWN:
                done.too_large.append(name)
        elif is_webhook:
            done.webhooks += 1
        else:
            done.documents += 1
            done.commands += any(("source", b"staff") in record.headers for record in made.records)
    return msgspec.structs.replace(
        note,
        **position,
        first_webhook=first_webhook,
        first_telemetry_at=first_telemetry_at,
        webhooks=note.webhooks + done.webhooks - before[0],
        documents=note.documents + done.documents - before[1],
        left_out=note.left_out + sum(done.left_out.values()) - before[2],
    )
