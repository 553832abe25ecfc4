"""The operator's pages stay pages, whatever clients wrote into what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from operations.cut import MOST_ROWS
from tests.support.commands import command

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

pytestmark = pytest.mark.system

LONG = 500_000


def fill(place: Settings, clickhouse: Client, table: str, columns: dict[str, str], count: int) -> None:
    """Insert so many rows of SQL expressions of `number`."""
    names, values = ", ".join(columns), ", ".join(columns.values())
    own = place.database if table == "raw" else f"{place.database}_g1"
    clickhouse.command(f"INSERT INTO {own}.{table} ({names}) SELECT {values} FROM numbers({count})")


def as_json(*arguments: object) -> Any:
    """What a command tells scripts; its output has a bound."""
    out = command(*arguments, "--json").out
    assert len(out) < 4_000_000
    return orjson.loads(out)


def test_dead_letters_are_listed_in_pages(installed: Settings, clickhouse: Client) -> None:
    """Reasons and tracebacks of half a megabyte are cut; `show` cuts later; the next page is named."""
    columns = {
        "id": "number",
        "topic": "'t'",
        "partition": "0",
        "offset": "number",
        "line": "-1",
        "stage": "'decode'",
        "reason": f"concat('why ', repeat('r', {LONG}))",
        "traceback": f"repeat('t', {LONG})",
        "received_at": "now64(3) - number",
    }
    fill(installed, clickhouse, "dead_letters", columns, 60)

    first, second = as_json("dead-letters", "list"), as_json("dead-letters", "list", "--skip", 50)
    shown = command("dead-letters", "show", 7).out

    assert [letter["id"] for letter in first] == list(range(50))
    assert [letter["id"] for letter in second] == list(range(50, 60))
    assert all(letter["reason"].startswith("why r") and letter["reason"].endswith("…") for letter in first)
    assert max(len(letter["reason"]) + len(letter["traceback"]) for letter in first) < 5_000
    assert "There are more: --skip 50" in command("dead-letters", "list").out
    assert "There are more" not in command("dead-letters", "list", "--skip", 50).out
    assert 100_000 < len(shown) < 150_000


def test_a_trace_of_thousands_of_facts_is_a_page(installed: Settings, clickhouse: Client) -> None:
    """Of each kind some rows are shown, with their texts cut, and it is said that there are more."""
    fill(
        installed,
        clickhouse,
        "webhooks",
        {
            "id": "7",
            "event": f"repeat('e', {LONG})",
            "status": "'ERROR'",
            "verdict": "'error'",
            "status_text": f"repeat('s', {LONG})",
            "package_slug": f"repeat('p', {LONG})",
            "academy_ids": "[1]",
            "source": "'learnpack'",
            "created_at": "now64(3)",
            "updated_at": "now64(3)",
            "version": "7",
        },
        1,
    )
    fill(
        installed,
        clickhouse,
        "events",
        {
            "event": "'compile'",
            "occurred_at": "now64(3)",
            "received_at": "now64(3)",
            "actor": "'9'",
            "asset_slug": "'lists'",
            "step_slug": "concat(toString(number), repeat('x', 1000))",
            "source": "'batch'",
            "webhook_id": "7",
            "ordinal": "number",
            "item_id": "number",
            "version": "7",
        },
        2_000,
    )

    found = as_json("trace", 7)

    assert len(found["facts"]) == MOST_ROWS
    assert found["more"] == ["facts"]
    assert found["outcome"]["status_text"] == "s" * 2000 + "…"
    assert len(found["outcome"]["package_slug"]) < 1000
    assert "only the first 200 facts are shown" in command("trace", 7).out
