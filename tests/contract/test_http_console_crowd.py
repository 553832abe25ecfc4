"""The console while others send, and beside academies that have many."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from gateway.console.recent import find_recent
from gateway.insights.sight import Sight
from gateway.reading.questions import Questions
from gateway.reading.store import ClickHouse
from gateway.reading.webhook_log import Filters, place_of, read_page
from schemas.reference.lookup import Reference
from tests.support.console import logged_in, page
from tests.support.insights import MEMBER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

# Ids that nothing else has, and a moment of which nothing is shown.
OLD, NEW = 5_000_001, 5_000_002
MANY: Final = 2_100
FIRST: Final = 700_000

_ARRIVAL: Final = """
INSERT INTO raw (id, received_at, academy_id, source, payload)
VALUES ({id:UInt64}, now() - {seconds:UInt32}, {academy:UInt64}, 'learnpack', '{}')
"""


def test_what_waits_since_before_is_told(told: HttpSystem) -> None:
    """What came before all that is shown and has no outcome yet is bad; a page that shows it says since when it is."""
    told.query(_ARRIVAL, id=OLD, seconds=7200, academy=2)
    try:
        with logged_in(told, "foreign") as client:

            def said() -> bool:
                return "some from before what is shown here" in page(client.get("/console/?since=1h")).text

            # A ledger is kept for ten seconds.
            eventually(said, 60, "the webhook that waits")
            wider = page(client.get("/console/?since=6h"))
    finally:
        told.query("DELETE FROM raw WHERE id = {id:UInt64}", id=OLD)

    assert "not processed yet, the oldest for" in wider.text


def test_who_reads_on_meets_no_webhook_twice(told: HttpSystem) -> None:
    """Pages that begin behind the last row of the one before are whole, whatever comes meanwhile."""

    async def read() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], int]:
        clickhouse, filters = ClickHouse(told.settings), Filters(1)
        try:
            every = await read_page(clickhouse, filters, sort="-created_at", limit=9, offset=0)
            first = await read_page(clickhouse, filters, sort="-created_at", limit=4, offset=0)
            told.query(_ARRIVAL, id=NEW, seconds=0, academy=1)
            bound = replace(filters, bound=place_of(first.rows[-1]))
            second = await read_page(clickhouse, bound, sort="-created_at", limit=5, offset=0)
            return every.rows, first.rows, second.rows, every.total - second.total
        finally:
            told.query("DELETE FROM raw WHERE id = {id:UInt64}", id=NEW)
            await clickhouse.close()

    every, first, second, passed = asyncio.run(read())

    assert [row["id"] for row in (*first, *second)] == [row["id"] for row in every]
    assert (len(every), passed) == (9, 4)


def test_own_students_are_found_among_thousands_of_others(told: HttpSystem) -> None:
    """However many of another academy worked since."""
    derived = f"{told.settings.database}_g1"
    reference = Reference()
    people = {MEMBER: 1, **dict.fromkeys(range(FIRST, FIRST + MANY), 2)}
    for number, academy in people.items():
        record = {"id": number, "first_name": "A", "last_name": "B", "academies": [academy]}
        reference.apply("users", b"%d" % number, orjson.dumps(record))
    told.query(
        "INSERT INTO {d:Identifier}.scores (user_id, actor, asset_slug, completion_rate, updated_at, version)"
        " SELECT number, toString(number), 'crowd', 50, now() + 60, 1"
        " FROM numbers({first:UInt64}, {many:UInt64})",
        d=derived,
        first=FIRST,
        many=MANY,
    )

    async def recent() -> list[dict[str, Any]]:
        clickhouse = ClickHouse(told.settings)
        try:
            return await find_recent(Questions(clickhouse), Sight(reference, 1, strict=False), 50)
        finally:
            await clickhouse.close()

    try:
        found = asyncio.run(recent())
    finally:
        told.query("DELETE FROM {d:Identifier}.scores WHERE user_id >= {first:UInt64}", d=derived, first=FIRST)

    assert MEMBER in {row["user_id"] for row in found}
    assert not [row for row in found if row["user_id"] >= FIRST]
