"""When bad rows are the exception, and when they are the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from schemas.wire.rows import EVENTS
from sinks.errors import SinkError, TooManyBadRowsError
from sinks.templates import Installation
from sinks.writer.block import Block, Piece, Slice
from sinks.writer.refusals import Refusals, unknown_field
from sinks.writer.routes import LINES, Route, Target

if TYPE_CHECKING:
    from sinks.writer.dead_letters import Letter

INSTALLATION = Installation("telemetry", 1, cluster="main")


def refusals() -> Refusals:
    """Those of one topic, which needs neither Kafka nor ClickHouse to count."""
    nobody: Any = None
    return Refusals(Route("facts", (Target(EVENTS, None),), LINES, nobody), nobody, nobody)


def block(*rows: int) -> Block:
    """A block of one record of each partition."""
    return Block(
        tuple(
            Slice(TopicPartition("facts", number), 1, None, (Piece(0, (b"{}\n" * count,), count),))
            for number, count in enumerate(rows)
        )
    )


def bad(count: int) -> tuple[tuple[int, int, int], ...]:
    """So many excluded lines of the first partition."""
    return tuple((0, 0, number) for number in range(count))


def test_blocks_of_nothing_but_bad_rows_stop_the_sink() -> None:
    """Small blocks that are all bad add up until the sink stops; a good row between starts the count again.

    Those of other partitions do not count.
    """
    counting = refusals()
    for _ in range(10):
        counting.judge(block(10, 10), bad(10))
    counting.judge(block(10, 10), bad(9))
    for _ in range(10):
        counting.judge(block(10, 10), bad(10))
    with pytest.raises(TooManyBadRowsError, match=r"110 rows of facts\[0\] are refused"):
        counting.judge(block(10), bad(10))


class _Kept:
    """Dead letters that are only remembered."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        """Remember."""
        self.letters.append(letter)


async def test_what_a_row_says_is_in_its_letter_and_not_in_the_log() -> None:
    """ClickHouse's words quote the row, which may have a student's name."""
    kept: Any = _Kept()
    nobody: Any = None
    counting = Refusals(Route("facts", (Target(EVENTS, None),), LINES, nobody), nobody, kept)
    reason = "Code: 27. DB::Exception: Cannot parse input: expected '\"' before: 'Ada Lovelace'"

    with capture_logs() as logged:
        await counting.bury_lines(block(3), {(0, 0, 1): reason})

    assert [letter.reason for letter in kept.letters] == [reason]
    assert [(line["event"], line["topic"], line["partition"], line["offset"], line["stage"]) for line in logged] == [
        ("dead letter written", "facts", 0, 0, "insert")
    ]
    assert "Ada" not in str(logged)


async def test_an_error_that_stops_the_sink_quotes_no_row() -> None:
    """It ends in the log: ClickHouse's code is what is told of its words."""
    inserter: Any = _Finds({})
    nobody: Any = None
    counting = Refusals(Route("facts", (Target(EVENTS, None),), LINES, nobody), inserter, nobody)

    with pytest.raises(SinkError) as stopped:
        await counting.find(block(1), (), "Code: 27. DB::Exception: before: 'Ada Lovelace'")

    assert str(stopped.value) == "ClickHouse refuses a block of facts but none of its rows: Code: 27"


class _Finds:
    """An inserter whose ClickHouse refuses these lines."""

    client = installation = None

    def __init__(self, found: dict[int, str]) -> None:
        self._found = found

    async def call(self, *_arguments: Any) -> dict[int, str]:
        """What was given."""
        return self._found


def test_a_quiet_topics_single_bad_row_is_no_reason_to_stop() -> None:
    """Now and then a block of one bad row is fine."""
    counting = refusals()
    for _ in range(100):
        counting.judge(block(1), bad(1))
    counting.judge(block(1), ())
    counting.judge(block(1), bad(1))


def test_a_field_that_all_rows_have_is_a_missing_column() -> None:
    """The error names the first unknown field and the statement that adds it, on the whole cluster."""
    lines = [orjson.dumps({"item_id": "1", "mood": "good", "other": number}) for number in range(3)]
    error = unknown_field(INSTALLATION, EVENTS, lines)

    assert error is not None
    assert error.remedy == ("ALTER TABLE telemetry_g1.events ON CLUSTER 'main' ADD COLUMN `mood` Nullable(String)")


@pytest.mark.parametrize("odd", [b'{"item_id":"1"}', b"[]", b"{", b'{"item_id":"1","another":2}'])
def test_a_field_that_not_all_rows_have_is_their_fault(odd: bytes) -> None:
    """One row without the field is enough to blame the rows that have it."""
    assert unknown_field(INSTALLATION, EVENTS, [b'{"item_id":"1","mood":"good"}', odd]) is None
