"""What of a block cannot be stored: found, dead-lettered, and counted, so that a bad deploy stops instead."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from sinks.errors import SinkError, TooManyBadRowsError
from sinks.writer.dead_letters import Letter
from sinks.writer.isolate import refused_lines, unknown_field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiokafka import TopicPartition

    from sinks.writer.block import Block, LineId
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

__all__ = ["Refusals"]

_LONGEST_PAUSE: Final = 10.0
# Beyond these a row is not the exception any more: the worker or the tables are wrong, and a topic must not drain into
# the dead letters.
_BAD_ROWS_OF_A_BLOCK: Final = 300
_BAD_ROWS_IN_A_ROW: Final = 100

_log = structlog.get_logger(__name__)


class Refusals:
    """The bad rows of one topic."""

    def __init__(self, route: Route, inserter: Inserter, dead_letters: DeadLetters) -> None:
        self._route = route
        self._inserter = inserter
        self._dead_letters = dead_letters
        self._in_a_row: Counter[TopicPartition] = Counter()

    async def bury_undecodable(self, block: Block) -> None:
        """Dead-letter the records that could not become rows; return once Kafka has all of them."""
        for part in block.slices:
            for piece in part.pieces:
                if piece.letter is not None:
                    await self._bury(piece.letter)

    async def find(self, block: Block, excluded: Collection[LineId], error: str) -> dict[LineId, str]:
        """The lines, beside `excluded`, for which ClickHouse refused the block with `error`, and the reason of each.

        Raises SchemaMismatchError if all of them have a field that the table does not know, TooManyBadRowsError if
        they are more than a few bad ones, SinkError if each line alone is fine.
        """
        left = [line for line in block.lines() if line.id not in excluded]
        kept = [line.data for line in left]
        table = self._route.targets[0].table
        most = _BAD_ROWS_OF_A_BLOCK - len(excluded) + 1
        found = await self._inserter.call(refused_lines, self._inserter.client, table, kept, most)
        if not found:
            message = f"ClickHouse refuses a block of {self._route.topic} but none of its rows: {error}"
            raise SinkError(message)
        mismatch = unknown_field(self._inserter.installation, table, kept)
        if mismatch is not None:
            raise mismatch
        if len(found) == most:
            count = f"more than {_BAD_ROWS_OF_A_BLOCK}"
            raise self._too_many(count, left[min(found)].partition, next(iter(found.values())))
        return {left[index].id: reason for index, reason in found.items()}

    async def bury_lines(self, block: Block, reasons: Mapping[LineId, str]) -> None:
        """Dead-letter these lines; return once Kafka has all of them."""
        for line in block.lines():
            if (reason := reasons.get(line.id)) is not None:
                _, offset, number = line.id
                await self._bury(Letter(line.partition, offset, line.timestamp, reason, value=line.data, line=number))

    def judge(self, block: Block, excluded: Collection[LineId]) -> None:
        """Count a block that is stored.

        Raises TooManyBadRowsError after too many bad rows of a partition with no good one between.
        """
        refused = Counter(partition for partition, _, _ in excluded)
        for part in block.slices:
            lines = refused[part.partition.partition]
            bad = lines + sum(1 for piece in part.pieces if piece.letter is not None)
            self._in_a_row[part.partition] = 0 if part.rows > lines else self._in_a_row[part.partition] + bad
            if self._in_a_row[part.partition] > _BAD_ROWS_IN_A_ROW:
                reason = "see their reasons in the dead letters"
                raise self._too_many(str(self._in_a_row[part.partition]), part.partition, reason)

    async def _bury(self, letter: Letter) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(KafkaError),
            wait=wait_exponential_jitter(multiplier=0.1, max=_LONGEST_PAUSE),
        ):
            with attempt:
                await self._dead_letters.send(letter)
        _log.error(
            "dead_letter",
            topic=letter.partition.topic,
            partition=letter.partition.partition,
            offset=letter.offset,
            reason=letter.reason,
        )

    def _too_many(self, count: str, partition: TopicPartition, reason: str) -> TooManyBadRowsError:
        message = (
            f"{count} rows of {partition.topic}[{partition.partition}] are refused ({reason}). "
            "Correct the worker or the tables, then start the sink again."
        )
        return TooManyBadRowsError(message)
