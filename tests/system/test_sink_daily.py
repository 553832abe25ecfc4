"""The daily aggregates, held to a computation from scratch in plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from operations.table_setup import setup_tables
from schemas.times import sql_time
from sinks.daily.refresh import Change, changed_since, refresh, refresh_all, server_time
from sinks.templates import Installation
from tests.support.examples import examples
from tests.support.sink import Row, SinkBench, document_row, fact, insert, pack, score
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

FIRST = date(2026, 11, 1)
FACTS = ("open_step", "compile", "test", "quiz_submission", "ai_interaction", "complete_step")
FIGURES = (
    "frustration_avg, engagement_avg, completion_avg, total_sessions, active_students, open_steps, compiles, "
    "compile_failures, tests, test_failures, quizzes, quiz_failures, ai_interactions"
)


def at(day: int) -> str:
    """An instant of a day, as the rows have it."""
    moment = datetime(FIRST.year, FIRST.month, FIRST.day, 23, 59, 59, 999_000, tzinfo=UTC) + timedelta(days=day)
    return sql_time(round(moment.timestamp() * 1000))


def latest(rows: list[Row], *identity: str) -> list[Row]:
    """The rows that count: of each identity the highest version, unless it is a deletion."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in identity)
        if key not in found or found[key]["version"] <= row["version"]:
            found[key] = row
    return [row for row in found.values() if not row.get("deleted")]


def mean(values: list[float | None]) -> float:
    """The mean of what is known, rounded as the LMS does, 0 if nothing is."""
    known = [value for value in values if value is not None]
    return round(float(sum(Decimal(repr(value)) for value in known)) / len(known), 2) if known else 0.0


def expected(scores: list[Row], facts: list[Row], claimed: set[str]) -> dict[tuple[str, date], tuple[float, ...]]:
    """The figures of every tutorial and day on which something changed."""
    scores = [row | {"day": row["updated_at"][:10]} for row in scores if row["actor"] not in claimed]
    scores = latest(scores, "asset_slug", "actor", "day")
    facts = latest([row for row in facts if row["actor"] not in claimed], "item_id")
    days = {(row["asset_slug"], row["day"]) for row in scores}
    days |= {(row["asset_slug"], row["received_at"][:10]) for row in facts}
    figures: dict[tuple[str, date], tuple[float, ...]] = {}
    for asset, day in days:
        now: dict[str, Row] = {}
        for row in sorted(scores, key=lambda row: str(row["day"])):
            if row["asset_slug"] == asset and row["day"] <= day:
                now[row["actor"]] = row
        today = [row for row in facts if (row["asset_slug"], row["received_at"][:10]) == (asset, day)]
        failed = [row["event"] for row in today if row["succeeded"] is False]
        events = [row["event"] for row in today]
        figures[asset, date.fromisoformat(day)] = (
            *(mean([row[name] for row in now.values()]) for name in ("frustration_score", "engagement_score")),
            mean([row["completion_rate"] for row in now.values()]),
            len(now),
            len({row["actor"] for row in today}),
            events.count("open_step"),
            *(
                count(event)
                for event in ("compile", "test", "quiz_submission")
                for count in (events.count, failed.count)
            ),
            events.count("ai_interaction"),
        )
    return figures


def computed(client: Client, database: str) -> dict[tuple[str, date], tuple[float, ...]]:
    """What `asset_daily` says."""
    rows = client.query(f"SELECT asset_slug, day, {FIGURES} FROM {database}.asset_daily").result_rows
    return {(asset, day): tuple(figures) for asset, day, *figures in rows}


ACTORS = st.sampled_from(["1", "2", "3", "telemetry:x", "telemetry:y"])
ASSETS = st.sampled_from(["a", "b"])
DAYS = st.integers(0, 6)
# With nine digits, as many as sums keep: one more could turn a half into less, and its mean into the other neighbour.
SCORE = (
    st.none()
    | st.floats(-1e6, 100).map(lambda value: round(value, 2))
    | st.floats(0, 100).map(lambda value: round(value, 9))
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[Row], list[Row], set[str]]]:
    """Rounds of rows: scores and facts in any order of days, repeats and deletions, and runs that are claimed."""
    rounds = []
    version = 0
    for _ in range(draw(st.integers(1, 4))):
        scores, facts = [], []
        for _ in range(draw(st.integers(0, 8))):
            version += 1
            columns: Row = {name: draw(SCORE) for name in ("engagement_score", "frustration_score", "completion_rate")}
            day, asset, actor = draw(DAYS), draw(ASSETS), draw(ACTORS)
            gone = int(draw(st.integers(0, 9)) == 0)
            row = score(version, asset_slug=asset, actor=actor, updated_at=at(day), deleted=gone)
            scores.append(row | columns)
        for _ in range(draw(st.integers(0, 8))):
            version += 1
            item = draw(st.integers(0, 30))
            deleted = draw(st.integers(0, 9)) == 0
            # All that identifies an item is a function of it; what takes it back may come on any day.
            row = fact(
                item,
                event=FACTS[item % 6],
                asset_slug="ab"[item % 2],
                actor=f"telemetry:{'xy'[item % 2]}" if item % 5 == 0 else "1",
                received_at=at(draw(DAYS) if deleted else item % 7),
                version=version,
                succeeded=draw(st.sampled_from([True, False, None])),
                deleted=int(deleted),
            )
            facts.append(row)
        rounds.append((scores, facts, draw(st.sets(st.sampled_from(["x", "y"]), max_size=1))))
    return rounds


def test_any_history_gives_what_python_gives(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """After each round of late, repeated and deleted rows, only what changed is computed and every day is right."""
    setup_tables(settings())
    installation = Installation.of(settings())
    tables = ("student_day", "events", "claims", "asset_daily")

    @given(rounds=histories())
    @hypothesis_settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
    def hold(rounds: list[tuple[list[Row], list[Row], set[str]]]) -> None:
        for table in tables:
            clickhouse.command(f"TRUNCATE TABLE {database}_g1.{table}")
        scores: list[Row] = []
        facts: list[Row] = []
        claimed: set[str] = set()
        for new_scores, new_facts, new_claims in rounds:
            since = server_time(clickhouse)
            insert(clickhouse, f"{database}_g1.student_day", new_scores)
            insert(clickhouse, f"{database}_g1.events", new_facts)
            claims = [{"telemetry_id": run, "actor": "1", "version": 1} for run in new_claims]
            insert(clickhouse, f"{database}_g1.claims", claims)
            scores += new_scores
            facts += new_facts
            claimed |= {f"telemetry:{run}" for run in new_claims}
            refresh(clickhouse, installation, *changed_since(clickhouse, installation, since))
            assert computed(clickhouse, database) == expected(scores, facts, claimed)
        # Rows that are in the table may be fewer at any moment: a merge takes those away that others replace.
        when = f"SELECT asset_slug, day, computed_at FROM {database}_g1.asset_daily FINAL ORDER BY ALL"
        before = clickhouse.query(when).result_rows
        refresh_all(clickhouse, installation)
        assert clickhouse.query(when).result_rows == before

    hold()


def test_a_late_row_changes_later_days_up_to_the_students_next(
    settings: SettingsFactory, clickhouse: Client, database: str
) -> None:
    """A score that arrives for a past day changes that day and the following ones, not those after a newer score."""
    setup_tables(settings())
    installation = Installation.of(settings())
    table = f"{database}_g1.student_day"
    insert(clickhouse, table, [score(day, engagement_score=10.0 * day, updated_at=at(day)) for day in (1, 3, 5)])
    insert(clickhouse, table, [score(9, actor="8", engagement_score=0.0, updated_at=at(day)) for day in range(7)])
    refresh_all(clickhouse, installation)
    reads = f"SELECT engagement_avg, computed_at FROM {database}.asset_daily ORDER BY day"
    before = clickhouse.query(reads).result_rows
    insert(clickhouse, table, [score(11, engagement_score=50.0, updated_at=at(3))])
    refresh(clickhouse, installation, Change(("tutorial",), ()))
    after = clickhouse.query(reads).result_rows

    assert [average for average, _ in before] == [0, 5, 5, 15, 15, 25, 25]
    assert [average for average, _ in after] == [0, 5, 5, 25, 25, 25, 25]
    assert [day for day in range(7) if before[day] != after[day]] == [3, 4]


def test_a_lost_table_is_rebuilt_the_same(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Nothing is remembered outside the tables that the figures come from: emptied, they come back equal."""
    setup_tables(settings())
    installation = Installation.of(settings())
    rows = [score(n, actor=str(n % 7), engagement_score=n / 3, updated_at=at(n % 11)) for n in range(200)]
    insert(clickhouse, f"{database}_g1.student_day", rows)
    refresh_all(clickhouse, installation)
    before = computed(clickhouse, database)
    clickhouse.command(f"TRUNCATE TABLE {database}_g1.asset_daily")
    refresh_all(clickhouse, installation)

    assert len(before) == 11
    assert computed(clickhouse, database) == before


async def test_a_running_sink_keeps_them_fresh(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client, database: str
) -> None:
    """Scores, facts and claims that arrive by Kafka are in the day's figures without anybody asking."""
    bench = SinkBench(settings(partitions=1), processes, tmp_path)
    await bench.setup()
    bench.start()
    anonymous: Row = {"actor": "telemetry:run", "user_id": None}
    await bench.send(bench.topics.scores, [pack([score(1, updated_at=at(0)), score(2, updated_at=at(0)) | anonymous])])
    await bench.send(bench.topics.facts, [pack([fact(1, received_at=at(0)), fact(2, received_at=at(0)) | anonymous])])

    async def figures(wanted: tuple[int, int, int]) -> bool:
        query = f"SELECT total_sessions, active_students, compiles FROM {database}.asset_daily"
        return [tuple(row) for row in clickhouse.query(query).result_rows] == [wanted]

    await aeventually(lambda: figures((2, 2, 2)), 60, "figures of both students")
    await bench.send(bench.topics.telemetry, [b"{}"], key=b"7:tutorial", headers=[document_row(3)])
    await aeventually(lambda: figures((1, 1, 1)), 60, "figures without the claimed run")

    assert clickhouse.query(f"SELECT actor FROM {database}.student_day").result_rows == [("7",)]
