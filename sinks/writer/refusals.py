"""What of a block cannot be stored: found, dead-lettered, and counted, so that a bad deploy stops instead."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from broker.clickhouse_errors import Failure, failure_of, one_line
from schemas.sql import literal
from sinks.errors import SchemaMismatchError, SinkError, TooManyBadRowsError
from sinks.metrics import REFUSED
from sinks.writer.dead_letters import Letter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aiokafka import TopicPartition
    from clickhouse_connect.driver.client import Client

    from schemas.wire.rows import Table
    from sinks.templates import Installation
    from sinks.writer.block import Block, LineId
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

__all__ = ["Refusals", "refused_lines", "unknown_field"]

# Beyond these a row is not the exception any more: the worker or the tables are wrong, and a topic must not drain into
# the dead letters.
_BAD_ROWS_OF_A_BLOCK: Final = 300
_BAD_ROWS_IN_A_ROW: Final = 100

_CODE: Final = re.compile(r"Code: \d+")
# What the server says of a row that it cannot parse, counted from 1, after it has quoted what may be anything.
_ROW: Final = re.compile(r"\(at row (\d+)\)")

_log = structlog.get_logger(__name__)


class Refusals:
    """The bad rows of one topic. They are found by trying where trying has no effect (`refused_lines`)."""

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
            message = f"ClickHouse refuses a block of {self._route.topic} but none of its rows: {_code(error)}"
            raise SinkError(message)
        mismatch = unknown_field(self._inserter.installation, table, kept)
        if mismatch is not None:
            raise mismatch
        if len(found) == most:
            count = f"more than {_BAD_ROWS_OF_A_BLOCK}"
            raise self._too_many(count, left[min(found)].partition, _code(next(iter(found.values()))))
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
        await self._dead_letters.send(letter)
        REFUSED.labels(letter.partition.topic).inc()
        _log.error(
            "dead letter written",
            topic=letter.partition.topic,
            partition=letter.partition.partition,
            offset=letter.offset,
            # The letter has the reason, in words that may quote the row.
            stage="decode" if letter.line < 0 else "insert",
        )

    def _too_many(self, count: str, partition: TopicPartition, reason: str) -> TooManyBadRowsError:
        message = (
            f"{count} rows of {partition.topic}[{partition.partition}] are refused ({reason}). "
            "Correct the worker or the tables, then start the sink again."
        )
        return TooManyBadRowsError(message)


def _code(error: str) -> str:
    """The number of an error of ClickHouse, without its words: they may quote a row, and this goes to the log."""
    found = _CODE.search(error)
    return found[0] if found else "an error without a code"


def _structure(table: Table) -> str:
    # MergeTree refuses other numbers than 0 and 1 in the column that takes rows back, parsing alone would not.
    return ", ".join(
        f"`{column.name}` {'Bool' if column.name == 'deleted' else column.type}" for column in table.columns
    )


def refused_lines(client: Client, table: Table, lines: Sequence[bytes], most: int) -> dict[int, str]:
    """The indexes of lines that the table would refuse, each with ClickHouse's reason; stores nothing.

    All of them, or `most`; where a line holds no or several rows maybe fewer, but one where there is any. Raises what
    the client raises for anything but a refused row.
    """
    statement = f"INSERT INTO FUNCTION null({literal(_structure(table))}) FORMAT JSONEachRow"
    settings = {"input_format_parallel_parsing": 0, "input_format_skip_unknown_fields": 0, "async_insert": 0}

    def error_of(first: int, end: int) -> Exception | None:
        try:
            client.command(statement, data=b"\n".join(lines[first:end]), settings=settings)
        except Exception as error:
            if failure_of(error) is not Failure.DATA:
                raise
            return error
        return None

    refused: dict[int, str] = {}
    spans = [(0, len(lines))]
    while spans and len(refused) < most:
        first, end = spans.pop()
        if first == end or (error := error_of(first, end)) is None:
            continue
        if end - first == 1:
            refused[first] = one_line(error)
        # By itself it gets a reason that quotes no other line, and may turn out not to be the one.
        elif (named := _named(error, first, end)) is not None and (own := error_of(named, named + 1)) is not None:
            refused[named] = one_line(own)
            spans.append((named + 1, end))
        else:
            middle = (first + end) // 2
            spans += [(middle, end), (first, middle)]
    return refused


def _named(error: Exception, first: int, end: int) -> int | None:
    """The index of the line between these at which the server stopped, if it says so: those before it are fine."""
    rows = _ROW.findall(str(error))
    index = first + int(rows[-1]) - 1 if rows else -1
    return index if first <= index < end else None


def unknown_field(installation: Installation, table: Table, lines: Sequence[bytes]) -> SchemaMismatchError | None:
    """The error to stop with if all lines, one at least, have a field that the table does not know: it is too old."""
    unknown: set[str] = set()
    for number, line in enumerate(lines):
        try:
            row: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        fields = set(row) if type(row) is dict else set()
        unknown = unknown & fields if number else fields - set(table.names)
        if not unknown:
            return None
    name = min(unknown)
    remedy = installation.alter(table.name, f"ADD COLUMN `{name}` Nullable(String)")
    return SchemaMismatchError(
        installation.full_name(table.name), f"lacks the column {name} that the rows have", remedy
    )
