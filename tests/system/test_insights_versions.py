"""Insights over rows of which others count: told again, taken back, claimed, early and late; figures are the views'."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from gateway.insights.overview import find_overview
from gateway.insights.sight import Sight
from gateway.insights.stuck import StuckRule, find_stuck
from gateway.reading.questions import Questions
from gateway.reading.store import ClickHouse
from gateway.reading.webhook_log import Filters, read_page
from operations.status import collect_status
from operations.table_setup import setup_tables
from schemas.reference.lookup import Reference
from schemas.times import sql_time
from tests.support.sink import fact, insert, outcome
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

_Answer = TypeVar("_Answer")

# An open directory that knows nobody: staff of academy 1 see every student.
SIGHT: Final = Sight(Reference(), 1, strict=False)


def at(instant: datetime) -> str:
    """An instant as rows have it."""
    return sql_time(round(instant.timestamp() * 1000))


def ago(**spans: float) -> str:
    """The same of one before now."""
    return at(datetime.now(UTC) - timedelta(**spans))


@pytest.fixture
def installed(settings: SettingsFactory) -> Settings:
    """Empty tables."""
    made = settings()
    setup_tables(made)
    return made


@pytest.fixture
def fill(installed: Settings, clickhouse: Client) -> Callable[..., None]:
    """Insert rows into a table, each into a part of its own, as sinks do at different times."""

    def into(table: str, *rows: dict[str, Any]) -> None:
        for row in rows:
            insert(clickhouse, f"{installed.database}{'' if table == 'raw' else '_g1'}.{table}", [row])

    return into


def asked(settings: Settings, question: Callable[[Questions], Awaitable[_Answer]]) -> _Answer:
    """The answer of a question of the gateway's."""

    async def ask() -> _Answer:
        store = ClickHouse(settings)
        try:
            return await question(Questions(store))
        finally:
            await store.close()

    return asyncio.run(ask())


def rows_of(client: Client, settings: Settings, sql: str) -> list[dict[str, Any]]:
    """Rows of a query, whose views are named without their database."""
    return list(client.query(sql.replace("FROM ", f"FROM {settings.database}.")).named_results())


def test_who_is_active_is_by_the_facts_that_count(
    installed: Settings, fill: Callable[..., None], clickhouse: Client
) -> None:
    """What was taken back or told anew as of another day makes nobody active, what was told again still does."""
    # Days are UTC's: none may end meanwhile.
    eventually(lambda: datetime.now(UTC).time() < time(23, 59), 90, "a day with a minute left")
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today, before = at(midnight + (now - midnight) / 2), at(midnight - timedelta(hours=1))

    def of(student: int, item: int, **columns: Any) -> dict[str, Any]:
        return fact(item, user_id=student, actor=str(student), received_at=today, occurred_at=today, **columns)

    fill("events", of(1, 10), of(2, 20), of(2, 20, version=21, deleted=1))
    fill("events", of(3, 30) | {"received_at": before}, of(3, 30, version=31))
    fill("events", of(4, 40), of(4, 40, version=41) | {"received_at": before})
    fill("events", of(5, 50), of(5, 50, version=51, deleted=1), of(5, 52), of(6, 60) | {"received_at": before})
    fill("events", of(7, 70), of(7, 70, version=71))

    overview = asked(installed, lambda questions: find_overview(questions, SIGHT, 60))
    plain = "SELECT uniqExact(user_id) AS n FROM events WHERE received_at >= today() AND user_id IS NOT NULL"
    assert overview["active_students"] == rows_of(clickhouse, installed, plain)[0]["n"] == 4


def test_the_ledger_is_that_of_the_view(installed: Settings, fill: Callable[..., None], clickhouse: Client) -> None:
    """Of days with webhooks that wait, are lost, early, deleted, staff's, told again or another academy's."""
    webhook = {"academy_id": 1, "source": "learnpack", "params": "{}", "payload": "{}", "receipt": "", "headers": []}
    for hours, first in ((1, 0), (49, 100), (24 * 7 + 30, 200)):
        told = ago(hours=hours)
        raws = {
            number: webhook | {"id": number, "version": number, "received_at": told}
            for number in range(first, first + 9)
        }
        raws[first + 1]["source"] = "staff"
        raws[first + 2]["academy_id"] = 2
        # The last but one has no record, though it came long ago; the last none but just now.
        del raws[first + 7], raws[first + 8]
        fill("raw", *raws.values(), raws[first] | {"version": first + 50})
        verdicts = {0: "stored", 1: "stored", 2: "ignored", 3: "error", 4: "stale", 7: "dead"}
        fill("webhooks", *(outcome(first + n, created_at=told, verdict=verdict) for n, verdict in verdicts.items()))
        fill("webhooks", outcome(first + 1, created_at=told, source="staff", version=first + 60))
        fill("webhooks", outcome(first + 2, created_at=told, academy_ids=[2, 1], version=first + 60))
        fill("webhooks", {"id": first + 3, "version": first + 60, "deleted": 1})
        fill("webhooks", outcome(first + 4, created_at=told, verdict="duplicate", version=first + 61))
    fill("webhooks", outcome(8, created_at=at(datetime.now(UTC))))

    ledger = asked(installed, lambda questions: find_overview(questions, SIGHT, 60))["ledger"]
    plain = "SELECT * EXCEPT academy_id FROM ledger WHERE academy_id = 1 AND day > today() - 7 ORDER BY day"
    expected = [{**row, "day": str(row["day"])} for row in rows_of(clickhouse, installed, plain)]
    assert ledger == expected
    assert (ledger[0]["received"], ledger[0]["pending"], ledger[0]["difference"]) == (4, 2, -1)


def test_who_is_stuck_is_by_the_facts_that_count(
    installed: Settings, fill: Callable[..., None], clickhouse: Client
) -> None:
    """Failures that were taken back, told anew as passed or as of long ago make nobody stuck."""

    def failed(student: int, *items: int, **columns: Any) -> list[dict[str, Any]]:
        common = {"user_id": student, "actor": str(student), "succeeded": False, "exit_code": 1, **columns}
        return [fact(item, **{"occurred_at": ago(minutes=item % 10 + 1), **common}) for item in items]

    fill("events", *failed(1, 11, 12, 13), *failed(1, 14, 15, step_slug="other"))
    fill("events", *failed(2, 21, 22, 23), *failed(2, 23, version=230, deleted=1))
    fill("events", *failed(3, 31, 32, 33), *failed(3, 31, version=310, succeeded=True, occurred_at=ago(minutes=0.5)))
    fill("events", *failed(4, 41, 42, 43), *failed(4, 43, version=430, occurred_at=ago(days=9)))
    fill("events", *failed(5, 51, 52, 53), *failed(5, 51, version=510), *failed(5, 59, event="complete_step"))
    fill("events", *failed(5, 59, version=590, deleted=1, event="complete_step"))
    fill("events", *failed(6, 61, 62, 63), *failed(6, 69, event="complete_step", succeeded=None))

    rule = StuckRule(minutes=7 * 24 * 60, seen=7 * 24 * 60)
    found = asked(installed, lambda questions: find_stuck(questions, SIGHT, rule))
    plain = "SELECT user_id, step_slug, failures FROM struggling_students WHERE period = '7 days' ORDER BY user_id"
    expected = [(row["user_id"], row["step_slug"], row["failures"]) for row in rows_of(clickhouse, installed, plain)]
    assert sorted((row["student"]["id"], row["step_slug"], row["failures"]) for row in found) == expected
    assert [row[0] for row in expected] == [1, 5]


def test_status_counts_the_facts_that_count(installed: Settings, fill: Callable[..., None], clickhouse: Client) -> None:
    """Each fact once, without those that were taken back and those that whoever claimed them tells again."""
    fill("events", fact(1), fact(1, version=5), fact(2), fact(2, version=6, deleted=1), fact(3, version=7, deleted=1))
    fill("events", fact(3, version=8), *(fact(item, actor="telemetry:run", user_id=None) for item in (20, 21)))
    fill("events", fact(22, actor="telemetry:another", user_id=None))
    for claims in (False, True):
        if claims:
            fill("claims", {"telemetry_id": "run", "actor": "7", "version": 1})
        rows = asyncio.run(collect_status(installed, 30, 30)).rows
        plain = rows_of(clickhouse, installed, "SELECT count() AS n FROM events")[0]["n"]
        assert rows["events"] == plain == (3 if claims else 5)


def test_pages_of_the_log_count_and_hold_what_counts(
    installed: Settings, fill: Callable[..., None], clickhouse: Client
) -> None:
    """As the log has it, in its order; beyond its end there are no rows, and as many in all."""
    webhook = {"academy_id": 1, "source": "learnpack", "params": "{}", "payload": '{"event": "test"}', "receipt": "r"}
    raws = [webhook | {"id": n, "version": n, "received_at": ago(hours=n), "headers": []} for n in range(1, 9)]
    fill("raw", *raws)
    fill("webhooks", *(outcome(n, created_at=ago(hours=n), student_id=n) for n in range(1, 7)))
    fill("webhooks", outcome(3, created_at=ago(hours=3), student_id=3, status="ERROR", version=90))
    fill("webhooks", {"id": 2, "version": 91, "deleted": 1}, {"id": 8, "version": 92, "deleted": 1})
    log = rows_of(clickhouse, installed, "SELECT id, status, event FROM webhook_log ORDER BY created_at DESC, id DESC")

    def page(limit: int, offset: int) -> tuple[int, list[tuple[int, str, str]]]:
        found = asked(
            installed,
            lambda questions: read_page(questions, Filters(1), sort="-created_at", limit=limit, offset=offset),
        )
        return found.total, [(row["id"], row["status"], row["shown_event"]) for row in found.rows]

    expected = [(row["id"], row["status"], row["event"]) for row in log]
    assert [row[0] for row in expected] == [1, 3, 4, 5, 6, 7]
    assert page(3, 0) == (6, expected[:3])
    assert page(20, 2) == (6, expected[2:])
    assert page(20, 50) == (6, [])
