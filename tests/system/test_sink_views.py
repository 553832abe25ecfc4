"""The analysts' views over rows that are written down here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from operations.table_setup import setup_tables
from schemas.times import sql_time
from tests.support.sink import fact, insert, outcome, score

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

VERDICTS = ("stored", "ignored", "duplicate", "stale", "error", "dead")
STATUSES = {"error": "ERROR", "dead": "ERROR", "stored": "DONE"}


def ago(now: datetime | None = None, /, **spans: float) -> str:
    """An instant before now, as the rows have it."""
    return sql_time(round(((now or datetime.now(UTC)) - timedelta(**spans)).timestamp() * 1000))


def webhook(number: int, **columns: Any) -> dict[str, Any]:
    """A row of raw."""
    row = {
        "id": number,
        "received_at": ago(hours=1),
        "academy_id": 1,
        "principal": None,
        "source": "learnpack",
        "params": "{}",
        "payload": '{"slug":"x"}',
        "receipt": "",
        "version": number,
    }
    return row | columns


def read(client: Client, query: str) -> list[dict[str, Any]]:
    """The rows of a query by column name."""
    return list(client.query(query).named_results())


class Tables:
    """One installation and short names for its tables."""

    def __init__(self, client: Client, database: str) -> None:
        self.client = client
        self.database = database

    def fill(self, table: str, *rows: dict[str, Any]) -> None:
        """Insert rows of the worker into a table."""
        insert(self.client, f"{self.database}{'' if table == 'raw' else '_g1'}.{table}", list(rows))

    def read(self, view: str, order: str = "") -> list[dict[str, Any]]:
        """All rows of a public view."""
        return read(self.client, f"SELECT * FROM {self.database}.{view} {order and 'ORDER BY ' + order}")


@pytest.fixture
def tables(settings: SettingsFactory, clickhouse: Client, database: str) -> Tables:
    """Empty tables."""
    setup_tables(settings())
    return Tables(clickhouse, database)


def states(tables: Tables) -> set[int]:
    """The webhooks of `webhook_states`, in all of which it agrees with the log."""
    rows = tables.read("webhook_states")
    log = {row["id"]: row for row in tables.read("webhook_log")}
    assert rows == [{name: log[row["id"]][name] for name in row} for row in rows]
    return {row["id"] for row in rows}


def test_the_log_joins_whichever_came_first(tables: Tables) -> None:
    """Webhooks with an outcome, without one yet, and outcomes ahead of their webhook are all one row each."""
    streamed = '{"event":"test","slug":"x"}'
    tables.fill("raw", webhook(1), webhook(2, payload=streamed), webhook(3, params='{"event":"compile"}'))
    created = ago(hours=1)
    tables.fill("webhooks", outcome(1, created_at=created), outcome(9, created_at=created, academy_ids=[5, 6]))
    found = {row["id"]: row for row in tables.read("webhook_log")}

    assert sorted(found) == [1, 2, 3, 9]
    assert states(tables) == found.keys()
    assert [found[n]["status"] for n in (1, 2, 3, 9)] == ["DONE", "PENDING", "PENDING", "DONE"]
    assert [found[n]["event"] for n in (1, 2, 3, 9)] == ["batch", "test", "compile", "batch"]
    assert [found[n]["is_streaming"] for n in (1, 2, 3)] == [False, True, True]
    assert [found[n]["academy_id"] for n in (1, 2, 9)] == [1, 1, 5]
    assert (found[2]["payload"], found[9]["payload"]) == (streamed, "")
    tables.fill("webhooks", outcome(2, created_at=created, status="ERROR", verdict="error"))
    tables.fill("raw", webhook(9, payload="late"))
    found = {row["id"]: row for row in tables.read("webhook_log")}
    assert sorted(found) == [1, 2, 3, 9]
    assert (found[2]["status"], found[9]["payload"]) == ("ERROR", "late")
    assert states(tables) == found.keys()


def test_the_log_leaves_out_what_is_no_webhook_any_more(tables: Tables) -> None:
    """Deleted webhooks, staff commands and what the retention has passed are not in the log, merged or not."""
    tables.fill("raw", webhook(1), webhook(2, source="staff"), webhook(3, source="staff"))
    tables.fill("raw", webhook(4, received_at=ago(days=31)), webhook(5))
    created = ago(hours=1)
    tables.fill("webhooks", outcome(1, created_at=created), outcome(2, created_at=created, source="staff"))
    tables.fill("webhooks", {"id": 1, "deleted": 1, "version": 50})
    tables.fill("webhooks", outcome(6, created_at=ago(days=31)))
    assert [row["id"] for row in tables.read("webhook_log")] == [5]
    assert states(tables) == {5}
    tables.client.command(f"OPTIMIZE TABLE {tables.database}_g1.webhooks FINAL")
    assert [row["id"] for row in tables.read("webhook_log")] == [5]


def test_the_ledger_balances(tables: Tables) -> None:
    """Per academy and day, what arrived is what it became, also after deletions and after TTLs have run."""
    created = ago(hours=1)
    for number, verdict in enumerate(VERDICTS):
        tables.fill("raw", *(webhook(place + number, received_at=created) for place in (0, 200)))
        tables.fill("raw", webhook(100 + number, received_at=created, academy_id=None))
        columns = {"created_at": created, "verdict": verdict, "status": STATUSES.get(verdict, "IGNORED")}
        tables.fill("webhooks", outcome(number, **columns), outcome(100 + number, academy_ids=[2, 1], **columns))
    tables.fill("raw", webhook(300, source="staff"), webhook(301, received_at=ago(days=40)), webhook(302))
    tables.fill("webhooks", outcome(300, source="staff", created_at=created))
    tables.fill("webhooks", outcome(301, created_at=ago(days=40)), {"id": 302, "deleted": 1, "version": 400})
    for _ in ("before", "after"):
        found = tables.read("ledger", "academy_id")
        figures = [(row["academy_id"], row["received"], row["pending"], row["difference"]) for row in found]
        assert figures == [(1, 12, 6, 0), (2, 6, 0, 0)]
        assert {str(row["day"]) for row in found} == {created[:10]}
        assert all(row[verdict] == 1 for row in found for verdict in VERDICTS)
        for table in (f"{tables.database}.raw", f"{tables.database}_g1.webhooks"):
            tables.client.command(f"OPTIMIZE TABLE {table} FINAL")
    left = read(tables.client, f"SELECT count() AS n FROM {tables.database}_g1.webhooks WHERE id = 301")
    assert left == [{"n": 0}]


def test_the_ledger_shows_what_does_not_balance(tables: Tables) -> None:
    """An outcome of a webhook that nobody received, and a verdict that nobody knows, are differences."""
    created = ago(hours=1)
    tables.fill("webhooks", outcome(1, created_at=created))
    tables.fill("raw", webhook(2, received_at=created, academy_id=3))
    tables.fill("webhooks", outcome(2, created_at=created, verdict="lost", academy_ids=[3]))

    assert [(row["academy_id"], row["difference"]) for row in tables.read("ledger", "academy_id")] == [(1, -1), (3, 1)]


def test_an_outcome_may_be_ahead_of_its_webhook_for_a_minute(tables: Tables) -> None:
    """The two topics are read apart from each other, so a fresh outcome without its webhook is no difference."""
    tables.fill("webhooks", outcome(1, created_at=ago(seconds=1)))

    assert [(row["received"], row["stored"], row["difference"]) for row in tables.read("ledger")] == [(1, 1, 0)]


def test_a_deletion_outlives_what_it_hides(tables: Tables) -> None:
    """A deletion, which knows only the id, is kept as long as the retention from its own time on."""
    tables.fill("webhooks", outcome(1, created_at=ago(days=31)))
    tables.fill("webhooks", {"id": 1, "deleted": 1, "version": 50})
    tables.client.command(f"OPTIMIZE TABLE {tables.database}_g1.webhooks FINAL")
    left = f"SELECT id, deleted FROM {tables.database}_g1.webhooks"

    assert read(tables.client, left) == [{"id": 1, "deleted": 1}]


def test_health_is_by_hour(tables: Tables) -> None:
    """Each hour has its outcomes, its students and its commonest error."""
    # One look at the clock, for an hour may turn.
    created = ago(hours=3)
    for number in range(6):
        tables.fill("raw", webhook(number, received_at=created))
    errors = [outcome(n, verdict="error", status="ERROR", status_text="no task", student_id=n) for n in (1, 2)]
    rows = [outcome(0, student_id=1), *errors, outcome(3, verdict="error", status="ERROR", status_text="other")]
    tables.fill("webhooks", *(row | {"created_at": created} for row in rows))
    (hour,) = tables.read("webhook_health")

    assert (hour["received"], hour["stored"], hour["error"], hour["pending"]) == (6, 1, 3, 2)
    assert (hour["failed_percent"], hour["students"], hour["commonest_error"]) == (50.0, 3, "no task")


def test_the_funnel_counts_students_not_facts(tables: Tables) -> None:
    """Per step, how many students opened, attempted and completed it, and how long that took them."""
    # One look at the clock, for rows are written across the turn of a second.
    now = datetime.now(UTC)
    for number, (actor, minutes, tries) in enumerate((("1", 10, 3), ("2", 20, 1), ("3", None, 2), ("4", None, 0))):
        common = {"actor": actor, "user_id": int(actor)}
        tables.fill("events", fact(100 * number, event="open_step", occurred_at=ago(now, minutes=60), **common))
        for attempt in range(tries):
            failed = {"succeeded": minutes is not None and attempt == tries - 1}
            tables.fill(
                "events", fact(100 * number + 1 + attempt, occurred_at=ago(now, minutes=59), **common, **failed)
            )
        if minutes is not None:
            done = fact(100 * number + 50, event="complete_step", occurred_at=ago(now, minutes=60 - minutes), **common)
            tables.fill("events", done)
    tables.fill("events", fact(900, event="open_step", actor="telemetry:run", user_id=None))
    tables.fill("claims", {"telemetry_id": "run", "actor": "1", "version": 1})
    (step,) = tables.read("step_funnel")

    assert (step["opened"], step["attempted"], step["completed"]) == (4, 3, 2)
    assert (step["tries_median"], step["failures"]) == (2.0, 4)
    assert (round(step["seconds_median"]), round(step["seconds_p90"])) == (900, 1140)


def test_who_is_stuck_now(tables: Tables) -> None:
    """Three failures since the last success, in a step that is not completed, within half an hour or a week."""

    def attempts(actor: str, *minutes: float, first: int, **columns: Any) -> None:
        times = enumerate(minutes, first)
        common = {"actor": actor, "user_id": int(actor), "succeeded": False} | columns
        tables.fill("events", *(fact(item, occurred_at=ago(minutes=minute), **common) for item, minute in times))

    attempts("1", 300, 20, 10, 5, first=100)
    attempts("1", 4, first=110, event="ai_interaction", succeeded=None)
    attempts("2", 3000, 2000, 1000, first=200)
    attempts("3", 25, 20, 15, first=300)
    attempts("3", 10, first=310, succeeded=True)
    attempts("4", 25, 20, 15, first=400)
    attempts("4", 12, first=410, event="complete_step", succeeded=None)
    attempts("5", 15_000, 14_000, 5, first=500)
    attempts("6", -3000, -2000, -1000, first=600)
    tables.fill("scores", score(1, actor="1", frustration_score=44.5))
    found = {(row["period"], row["actor"]): row for row in tables.read("struggling_students")}

    assert sorted(found) == [("30 minutes", "1"), ("7 days", "1"), ("7 days", "2")]
    assert [found[key]["failures"] for key in sorted(found)] == [3, 4, 3]
    assert [found[key]["frustration_score"] for key in sorted(found)] == [44.5, 44.5, None]
    assert found["30 minutes", "1"]["ai_interactions"] == 1


def test_claimed_runs_are_in_no_analysts_view(tables: Tables) -> None:
    """Once a named batch has claimed an anonymous run, its rows count for the student alone; the table keeps them."""
    anonymous = {"actor": "telemetry:run", "user_id": None, "succeeded": False}
    tables.fill("events", *(fact(n, occurred_at=ago(minutes=5), **anonymous) for n in range(3)))
    tables.fill("student_day", score(1, actor="telemetry:run", user_id=None))
    views = ("events", "struggling_students", "step_funnel", "student_day")
    assert all(tables.read(view) for view in views)
    tables.fill("claims", {"telemetry_id": "run", "actor": "7", "version": 1})

    assert not any(tables.read(view) for view in views)
    assert len(read(tables.client, f"SELECT * FROM {tables.database}_g1.events")) == 3


def test_a_run_that_is_claimed_is_told_once(tables: Tables) -> None:
    """What was sent before log-in and came again with the student's document is one event, claimed or not yet."""
    anonymous = fact(1, actor="telemetry:run", user_id=None)
    own = fact(2, actor="1", user_id=1)
    tables.fill("events", anonymous)
    assert [row["actor"] for row in tables.read("events")] == ["telemetry:run"]

    tables.fill("events", own, fact(3, actor="telemetry:other", user_id=None, telemetry_id="other"))
    tables.fill("claims", {"telemetry_id": "run", "actor": "1", "version": 1})

    assert [row["actor"] for row in tables.read("events", "actor")] == ["1", "telemetry:other"]
