"""Which topic fills which tables, and how a record becomes their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from schemas.wire.rows import CLAIMS, DEAD_LETTERS, EVENTS, RAW, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from sinks.errors import BadRecordError
from sinks.writer.buffer import Piece
from sinks.writer.dead_letters import Letter
from sinks.writer.decode import claim_row, dead_letter_row, raw_row, telemetry_row
from sinks.writer.rowbinary import row_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from aiokafka import ConsumerRecord

    from schemas.wire.rows import Table
    from schemas.wire.topics import Topics

    Decode = Callable[[ConsumerRecord], Piece]

__all__ = ["LINES", "ROWS", "Route", "Target", "derived_routes", "raw_route"]

LINES: Final = "JSONEachRow"
ROWS: Final = "RowBinary"


@dataclass(frozen=True, slots=True)
class Target:
    """A table that a topic fills. `lenient`: the lines hold other tables' columns too, which are passed over."""

    table: Table
    columns: tuple[str, ...] = ()
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A topic, the tables that it fills in this order, the format of their bodies, and its records' decoder.

    The decoder never raises: a record that cannot become rows is a piece with a dead letter.
    """

    topic: str
    targets: tuple[Target, ...]
    format: str
    decode: Decode


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


def _rows(*tables: tuple[Table, tuple[str, ...], Callable[[ConsumerRecord], Mapping[str, Any] | None]]) -> Decode:
    encoders = [(row_of, row_encoder(table, columns)) for table, columns, row_of in tables]

    def decode(record: ConsumerRecord) -> Piece:
        try:
            found = [(row_of(record), encode) for row_of, encode in encoders]
            bodies = tuple(b"" if row is None else encode(row) for row, encode in found)
        except BadRecordError as error:
            return Piece(record.offset, (), 0, record.timestamp, _letter(record, str(error)))
        return Piece(record.offset, bodies, 1, record.timestamp)

    return decode


def _named(table: Table, *without: str) -> tuple[str, ...]:
    return tuple(name for name in table.names if name not in without)


def raw_route(topics: Topics) -> Route:
    """The raw topic's route: one table that all generations share."""
    columns = RAW.names
    return Route(topics.raw, (Target(RAW, columns),), ROWS, _rows((RAW, columns, raw_row)))


def derived_routes(topics: Topics) -> tuple[Route, ...]:
    """The routes of one generation's topics."""
    documents, claims, letters = TELEMETRY.names, _named(CLAIMS, "written_at"), DEAD_LETTERS.names
    return (
        Route(topics.facts, (Target(EVENTS),), LINES, _lines(1)),
        Route(topics.outcomes, (Target(WEBHOOKS),), LINES, _lines(1)),
        Route(topics.scores, (Target(SCORES), Target(STUDENT_DAY, lenient=True)), LINES, _lines(2)),
        Route(
            topics.telemetry,
            (Target(TELEMETRY, documents), Target(CLAIMS, claims)),
            ROWS,
            _rows((TELEMETRY, documents, telemetry_row), (CLAIMS, claims, claim_row)),
        ),
        Route(
            topics.dead_letters,
            (Target(DEAD_LETTERS, letters),),
            ROWS,
            _rows((DEAD_LETTERS, letters, dead_letter_row)),
        ),
    )
