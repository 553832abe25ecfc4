"""Which topic fills which tables, and how a record becomes their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka import TopicPartition

from schemas.wire.rows import CLAIMS, DEAD_LETTERS, EVENTS, RAW, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from sinks.errors import BadRecordError
from sinks.writer.block import Piece
from sinks.writer.dead_letters import Letter
from sinks.writer.decode import claim_row, dead_letter_row, raw_row, telemetry_row
from sinks.writer.rowbinary import row_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiokafka import ConsumerRecord

    from schemas.wire.rows import Table
    from schemas.wire.topics import Topics

    Decode = Callable[[ConsumerRecord], Piece]

__all__ = ["LINES", "ROWS", "Route", "Target", "derived_routes", "raw_route", "stand_in"]

LINES: Final = "JSONEachRow"
ROWS: Final = "RowBinary"

# Each table takes one insert a beat. Facts are what a course is watched by; at a trickle all others together cost
# ClickHouse as much as those alone.
_FACTS_SECONDS: Final = 0.3
_OTHERS_SECONDS: Final = 0.9

_NOBODY: Final = "(none)"
_LAST_ID: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Target:
    """A table that a topic fills.

    `lenient`: the lines hold other tables' columns too, which are passed over. `stand_in` is the body of a row that
    means nothing, None where there can be none.
    """

    table: Table
    stand_in: bytes | None
    columns: tuple[str, ...] = ()
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A topic, the tables that it fills in this order, the format of their bodies, and its records' decoder.

    The decoder never raises: a record that cannot become rows is a piece with a dead letter. `beat` is the least time
    from one block to the next that is not full, in seconds.
    """

    topic: str
    targets: tuple[Target, ...]
    format: str
    decode: Decode
    beat: float = _OTHERS_SECONDS


def _lines(targets: int) -> Decode:
    def decode(record: ConsumerRecord) -> Piece:
        value = record.value
        if not value:
            return Piece(record.offset, (), 0)
        body = value if value.endswith(b"\n") else value + b"\n"
        return Piece(record.offset, (body,) * targets, body.count(b"\n"), record.timestamp)

    return decode


def _letter(record: ConsumerRecord, reason: str) -> Letter:
    origin = TopicPartition(record.topic, record.partition)
    headers = tuple(record.headers)
    return Letter(origin, record.offset, record.timestamp, reason, record.key, record.value, headers)


def _rows(*tables: tuple[Target, Callable[[ConsumerRecord], Mapping[str, Any] | None]]) -> Decode:
    encoders = [(row_of, row_encoder(target.table, target.columns)) for target, row_of in tables]

    def decode(record: ConsumerRecord) -> Piece:
        try:
            found = [(row_of(record), encode) for row_of, encode in encoders]
            bodies = tuple(b"" if row is None else encode(row) for row, encode in found)
        except BadRecordError as error:
            return Piece(record.offset, (), 0, record.timestamp, _letter(record, str(error)))
        return Piece(record.offset, bodies, 1, record.timestamp)

    return decode


def stand_in(table: Table) -> dict[str, Any] | None:
    """A row with an identity that no other has, and the lowest version; None where readers would see it.

    In most tables it is one that takes itself back. Claims have no such column; of those, the empty one is in no view,
    and is nobody's. Raw webhooks show whatever is there.
    """
    kinds = {column.name: column.type for column in table.columns}
    texts = [name for name in table.identity if kinds[name].endswith(("String", "String)"))]
    if "deleted" in kinds:
        row: dict[str, Any] = {"version": 0, "deleted": 1, **dict.fromkeys(texts, _NOBODY)}
        return row if texts else {**row, table.identity[0]: _LAST_ID}
    return {"version": 0} if texts else None


def _of_rows(table: Table, *without: str) -> Target:
    columns = tuple(name for name in table.names if name not in without)
    row = stand_in(table)
    return Target(table, None if row is None else row_encoder(table, columns)(row), columns)


def _of_lines(table: Table, *, lenient: bool = False) -> Target:
    return Target(table, orjson.dumps(stand_in(table)) + b"\n", lenient=lenient)


def raw_route(topics: Topics) -> Route:
    """The raw topic's route: one table that all generations share."""
    raw = _of_rows(RAW)
    return Route(topics.raw, (raw,), ROWS, _rows((raw, raw_row)))


def derived_routes(topics: Topics) -> tuple[Route, ...]:
    """The routes of one generation's topics."""
    documents, claims, letters = _of_rows(TELEMETRY), _of_rows(CLAIMS, "written_at"), _of_rows(DEAD_LETTERS)
    return (
        Route(topics.facts, (_of_lines(EVENTS),), LINES, _lines(1), beat=_FACTS_SECONDS),
        Route(topics.outcomes, (_of_lines(WEBHOOKS),), LINES, _lines(1)),
        Route(topics.scores, (_of_lines(SCORES), _of_lines(STUDENT_DAY, lenient=True)), LINES, _lines(2)),
        Route(topics.telemetry, (documents, claims), ROWS, _rows((documents, telemetry_row), (claims, claim_row))),
        Route(topics.dead_letters, (letters,), ROWS, _rows((letters, dead_letter_row))),
    )
