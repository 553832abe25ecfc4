"""How rows that ClickHouse refuses are found: by what it says of them, with few requests, and never by that alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.wire.rows import EVENTS
from sinks.writer.refusals import refused_lines
from tests.support.sink import fact

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.system

BAD = [b"{bad", b'{"item_id":"x"}', b'{"item_id":"1","nobody_knows_me":1}', b'{"item_id":"1"', b"\xff\xfe\x00"]
# As a refused row it could point at the line before it.
MISLEADING = b'{"item_id":"1","event": ": (at row 1)" x'


class Counting:
    """A client that counts what it is asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.commands = 0

    def command(self, *arguments: Any, **options: Any) -> Any:
        """Ask."""
        self.commands += 1
        return self._client.command(*arguments, **options)


def found(client: Any, lines: list[bytes], most: int = 1000) -> list[int]:
    """Where the refused lines are."""
    return sorted(refused_lines(client, EVENTS, lines, most))


def test_two_requests_find_one(clickhouse: Client) -> None:
    """The server names the row, and the line itself is asked for its own reason, which quotes no other line."""
    lines = [orjson.dumps(fact(number)) for number in range(100)]
    for place, line in zip(range(10, 100, 20), BAD, strict=True):
        lines[place] = line
    counting: Any = Counting(clickhouse)
    reasons = refused_lines(counting, EVENTS, lines, 1000)

    assert sorted(reasons) == [10, 30, 50, 70, 90]
    assert counting.commands == 2 * len(BAD) + 1
    assert not any("compile" in reason for reason in reasons.values())


def test_it_ends_when_there_are_enough(clickhouse: Client) -> None:
    """Where most rows are bad nobody wants all of them."""
    assert found(clickhouse, [BAD[1]] * 50, most=3) == [0, 1, 2]


@pytest.mark.parametrize("odd", [b'{"item_id":"1"} {"item_id":"2"}', b"", b'{"item_id":"1"},'])
def test_a_line_of_several_rows_or_none_misleads_nobody(odd: bytes, clickhouse: Client) -> None:
    """After it rows and lines have different numbers; the bad line is found, no good one is."""
    good = orjson.dumps(fact(1))

    assert found(clickhouse, [good, odd, good, good, BAD[1], good, good]) == [4]


def test_what_a_row_says_of_itself_misleads_nobody(clickhouse: Client) -> None:
    """The server quotes what it cannot parse."""
    good = orjson.dumps(fact(1))

    assert found(clickhouse, [good, good, MISLEADING, good]) == [2]
