"""One partition's way into ClickHouse: cut a block, record it, store it, go on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from schemas.rows import RAW
from sinks.clickhouse import Failure, failure_of, one_line
from sinks.errors import SchemaMismatchError, SinkError, TooManyBadRowsError
from sinks.setup import check_tables
from sinks.writer.bookmark import Bookmark, Intent
from sinks.writer.buffer import Buffer
from sinks.writer.inserter import StaleIntentError, token
from sinks.writer.isolate import refused_lines, unknown_field
from sinks.writer.routes import LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from sinks.writer.buffer import Block, Limits
    from sinks.writer.commits import Commits
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

__all__ = ["FENCE_SECONDS", "Lane"]

# Half the session timeout of the group: a partition cannot have gone to another sink that soon after Kafka took our
# bookmark, so an insert may begin until then.
FENCE_SECONDS: Final = 3.0
_LONGEST_PAUSE: Final = 10.0
_SKIP_SECONDS: Final = 1.0
# Beyond these a row is not the exception any more: the worker or the tables are wrong, and a topic must not drain into
# the dead letters. The first also keeps the list of excluded lines within the size of a bookmark's metadata.
_BAD_ROWS_OF_A_BLOCK: Final = 400
_BAD_ROWS_IN_A_ROW: Final = 100

_log = structlog.get_logger(__name__)


def _lines(block: Block) -> list[tuple[int, int, int, bytes]]:
    """The lines of a packed block: offset, line of its record, timestamp, bytes."""
    found: list[tuple[int, int, int, bytes]] = []
    for piece in block.pieces:
        lines = piece.bodies[0].split(b"\n") if piece.bodies else []
        numbered = enumerate(line for line in lines if line.strip())
        found.extend((piece.offset, number, piece.timestamp, line) for number, line in numbered)
    return found


class Lane:
    """The writer of one partition for the time of one assignment."""

    def __init__(
        self,
        partition: TopicPartition,
        route: Route,
        bookmark: Bookmark,
        *,
        limits: Limits,
        inserter: Inserter,
        commits: Commits,
        dead_letters: DeadLetters,
    ) -> None:
        """Begin at `bookmark`; its intent, if any, is the first block."""
        self._partition = partition
        self._route = route
        self._topic_id = bookmark.topic_id
        self._resumed = bookmark.intent
        self._inserter = inserter
        self._commits = commits
        self._dead_letters = dead_letters
        self._changed = asyncio.Event()
        self._bad_in_a_row = 0
        self._vouched = 0.0
        self._draining = False
        self.buffer = Buffer(bookmark, limits)

    def add(self, records: Sequence[ConsumerRecord], position: int) -> None:
        """Take records in offset order; `position` is the offset after everything read."""
        self.buffer.add(map(self._route.decode, records), position, time.monotonic())
        self._changed.set()

    def drain(self) -> None:
        """Begin no further block; `run` returns after the one in hand."""
        self._draining = True
        self._changed.set()

    async def run(self) -> None:
        """Store blocks until drained. Per block:

        1. Record its range: a crash from here on makes the next owner send this very block. 2. Send the dead letters of
        what cannot be stored. 3. Insert into each table under the block's token. 4. Commit its end, together with the
        next block's range if one is due.

        Raises FencedError when the partition is another sink's, SinkError when the block cannot be stored at all.
        """
        stored = True
        while not self._draining:
            self._changed.clear()
            block = self.buffer.cut(time.monotonic())
            if block is not None:
                await self._store(block)
                stored = False
            elif not stored:
                await self._record(None)
                stored = True
            else:
                await self._wait()
        if not stored:
            await self._record(None)

    async def _wait(self) -> None:
        timeout = self.buffer.wait(time.monotonic())
        try:
            async with asyncio.timeout(_SKIP_SECONDS if timeout is None else timeout):
                await self._changed.wait()
        except TimeoutError:
            if timeout is None and self.buffer.skip():
                await self._record(None)

    async def _record(self, intent: Intent | None, first: int | None = None) -> None:
        asked = time.monotonic()
        offset = self.buffer.start if first is None else first
        await self._commits.record(self._partition, Bookmark(self._topic_id, offset, intent))
        self._vouched = asked + FENCE_SECONDS

    async def _store(self, block: Block) -> None:
        intent, self._resumed = self._resumed or Intent(block.end), None
        await self._record(intent, block.first)
        for piece in block.pieces:
            if piece.reason and piece.record is not None:
                record = piece.record
                await self._bury(
                    piece.offset, piece.reason, piece.timestamp, record.value, key=record.key, headers=record.headers
                )
        if intent.excluded:
            await self._bury_lines(block, intent.excluded, {})
        while True:
            try:
                await self._insert(block, intent.excluded)
            except Exception as error:
                if failure_of(error) is not Failure.DATA or self._route.format != LINES:
                    raise
                refused = await self._refused(block, intent.excluded, one_line(error))
                intent = Intent(block.end, tuple(sorted({*intent.excluded, *refused})))
                await self._record(intent, block.first)
                await self._bury_lines(block, refused, refused)
            else:
                break
        self._judge(block, intent.excluded)

    async def _insert(self, block: Block, excluded: tuple[int, ...]) -> None:
        kept: bytes | None = None
        if excluded:
            lines = _lines(block)
            gone = frozenset(excluded)
            kept = b"".join(line[3] + b"\n" for index, line in enumerate(lines) if index not in gone)
        for index, target in enumerate(self._route.targets):
            body = block.body(index) if kept is None else kept
            if not body:
                continue
            generation = 0 if target.table is RAW else self._inserter.installation.generation
            name = token(
                self._partition.topic,
                self._topic_id,
                self._partition.partition,
                block,
                f"{target.table.name}/g{generation}",
                excluded,
            )
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(_passes),
                wait=wait_exponential_jitter(initial=0.1, max=_LONGEST_PAUSE),
                before_sleep=self._report,
                reraise=True,
            ):
                with attempt:
                    if time.monotonic() >= self._vouched:
                        await self._record(Intent(block.end, excluded), block.first)
                    try:
                        await self._inserter.insert(target, self._route.format, body, name, self._vouched)
                    except Exception as error:
                        await self._explain(error)
                        raise

    async def _explain(self, error: Exception) -> None:
        """Raise SchemaMismatchError or another SinkError in place of an error that waiting cannot mend."""
        failure = failure_of(error)
        if failure is Failure.SCHEMA:
            tables = tuple(target.table for target in self._route.targets)
            await self._inserter.call(check_tables, self._inserter.client, self._inserter.installation, tables)
        if failure is Failure.CONFIGURATION:
            message = (
                f"ClickHouse refuses the sink: {one_line(error)}. Correct TELEMETRY_CLICKHOUSE or its user's grants."
            )
            raise SinkError(message) from error

    def _report(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome is not None else None
        if error is None or isinstance(error, StaleIntentError):
            return
        _log.warning(
            "insert_waits",
            topic=self._partition.topic,
            partition=self._partition.partition,
            attempt=attempt.attempt_number,
            waited_bytes=self.buffer.bytes,
            error=one_line(error),
        )

    async def _refused(self, block: Block, excluded: tuple[int, ...], error: str) -> dict[int, str]:
        lines = [line[3] for line in _lines(block)]
        left = [index for index in range(len(lines)) if index not in frozenset(excluded)]
        table = self._route.targets[0].table
        kept = [lines[index] for index in left]
        found = await self._inserter.call(refused_lines, self._inserter.client, table, kept)
        refused = {left[index]: reason for index, reason in found.items()}
        if not refused:
            message = f"ClickHouse refuses a block of {self._partition.topic} but none of its rows: {error}"
            raise SinkError(message)
        if len(refused) == len(kept):
            mismatch = unknown_field(self._inserter.installation, table, kept)
            if mismatch is not None:
                raise mismatch
        if len(refused) + len(excluded) > _BAD_ROWS_OF_A_BLOCK:
            raise self._too_many(len(refused) + len(excluded), next(iter(refused.values())))
        return refused

    async def _bury_lines(self, block: Block, indexes: Sequence[int] | dict[int, str], reasons: dict[int, str]) -> None:
        lines = _lines(block)
        for index in sorted(indexes):
            offset, number, timestamp, line = lines[index]
            reason = reasons.get(index, "refused by ClickHouse before a restart of the sink")
            await self._bury(offset, reason, timestamp, line, line=number)

    async def _bury(
        self,
        offset: int,
        reason: str,
        timestamp: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        line: int = -1,
    ) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, KafkaError)),
            wait=wait_exponential_jitter(initial=0.1, max=_LONGEST_PAUSE),
            before_sleep=self._report,
        ):
            with attempt:
                await self._dead_letters.send(
                    self._partition,
                    offset,
                    reason,
                    timestamp=timestamp,
                    key=key,
                    value=value,
                    headers=headers,
                    line=line,
                )
        _log.error(
            "dead_letter",
            topic=self._partition.topic,
            partition=self._partition.partition,
            offset=offset,
            reason=reason,
        )

    def _judge(self, block: Block, excluded: tuple[int, ...]) -> None:
        bad = len(excluded) + sum(1 for piece in block.pieces if piece.reason)
        good = block.rows - len(excluded)
        self._bad_in_a_row = 0 if good else self._bad_in_a_row + bad
        if self._bad_in_a_row > _BAD_ROWS_IN_A_ROW:
            raise self._too_many(self._bad_in_a_row, "the last ones of them are in the dead letters")

    def _too_many(self, count: int, reason: str) -> TooManyBadRowsError:
        message = (
            f"{count} rows of {self._partition.topic}[{self._partition.partition}] are refused and no good one between: "
            f"{reason}. Correct the worker or the tables, then start the sink again."
        )
        return TooManyBadRowsError(message)


def _passes(error: BaseException) -> bool:
    """Whether to try the same insert again: ClickHouse may get well, an intent can be recorded anew."""
    if isinstance(error, SinkError | SchemaMismatchError):
        return False
    return isinstance(error, StaleIntentError) or (isinstance(error, Exception) and failure_of(error) is Failure.WAIT)
