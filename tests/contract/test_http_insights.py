"""Insights: every figure is that of a plain SELECT, and only for those who may see it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import pytest

from gateway.reading.shown import iso_instant
from schemas.wire.place import place_at
from tests.support.blocks import run_by
from tests.support.http_directory import secret
from tests.support.insights import (
    FOREIGNER,
    MARKUP,
    MEMBER,
    UNKNOWN,
    as_json,
    cells,
    days_of,
    results,
    stuck,
    told_system,
    tried,
)
from tests.support.page_examples import run_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

ROOT: Final = "/v1/telemetry/academy"


@pytest.fixture(scope="module")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with an open directory that has stored the bundled documents and those of three who are stuck."""
    with told_system(stack, tmp_path_factory.mktemp("insights")) as running:
        yield running


@pytest.fixture
def staff(told: HttpSystem) -> Iterator[httpx.Client]:
    """Staff of academy 1."""
    with told.client() as client:
        yield client


def test_who_is_stuck_are_those_of_the_view(told: HttpSystem, staff: httpx.Client) -> None:
    """The same steps, failures, times and questions as `struggling_students`, but for another academy's student."""
    answer = staff.get(f"{ROOT}/students/stuck?since=30m").json()
    rows = told.query(
        "SELECT user_id, asset_slug, step_slug, failures, stuck_since, ai_interactions FROM struggling_students"
        " WHERE period = '30 minutes' ORDER BY user_id"
    )

    assert [row[0] for row in rows] == [MEMBER, FOREIGNER, UNKNOWN]
    fields = ("asset_slug", "step_slug", "failures", "stuck_since", "questions")
    found = [(row["student"]["id"], *(row[field] for field in fields)) for row in answer["results"]]
    assert sorted(found) == [(*row[:4], iso_instant(row[4]), row[5]) for row in rows if row[0] != FOREIGNER]
    assert answer["count"] == 2
    assert answer["results"][0]["last_error"] == {"event": "test", "kind": "TypeError", "exit_code": 1}
    assert answer["results"][0]["student"] == {"id": MEMBER, "first_name": MARKUP, "last_name": "Lovelace"}


@pytest.mark.parametrize(
    ("query", "students"),
    [
        ("asset=everybodys", [MEMBER, UNKNOWN]),
        ("asset=another", []),
        ("cohort=12", [MEMBER]),
        ("failures=5", []),
        ("stuck=60", []),
        ("limit=1&offset=1", [UNKNOWN]),
        ("since=1m", []),
    ],
)
def test_thresholds_of_who_is_stuck(staff: httpx.Client, query: str, students: list[int]) -> None:
    """Each parameter narrows the answer."""
    answer = staff.get(f"{ROOT}/students/stuck?{query}").json()

    assert [row["student"]["id"] for row in answer["results"]] == students


POSTCARD: Final = f"{ROOT}/assets/exercise-postcard"
STUDENT: Final = f"{ROOT}/students/10022"


# For each query of the page, in their order: which address has its figures, and where in the answer.
FIGURES: Final[tuple[tuple[str, Callable[[dict[str, Any]], list[dict[str, Any]]]], ...]] = (
    (f"{ROOT}/students/stuck", stuck),
    (f"{ROOT}/overview", lambda answer: answer["received"]),
    (f"{ROOT}/overview", lambda answer: answer["ledger"]),
    (f"{ROOT}/overview", lambda answer: [answer]),
    (f"{ROOT}/assets?limit=200", results),
    (f"{POSTCARD}/daily", results),
    (f"{POSTCARD}/funnel", results),
    (f"{POSTCARD}/funnel", tried),
    (f"{POSTCARD}/heatmap", cells),
    (f"{POSTCARD}/sessions?from=1970-01-01", results),
    (STUDENT, results),
    (STUDENT, days_of),
    (f"{STUDENT}/assets/exercise-postcard?limit=1000", results),
)


def test_figures_are_those_of_plain_queries(told: HttpSystem, staff: httpx.Client) -> None:
    """Each query of docs/insights.md gives what its address gives, but for students of another academy."""
    blocks = run_by("tests/contract/test_http_insights.py::test_figures_are_those_of_plain_queries")
    reader = clickhouse_connect.get_client(
        dsn=told.settings.clickhouse.get_secret_value(), autogenerate_session_id=False
    )
    with contextlib.closing(reader):
        for block, (path, part) in zip(blocks, FIGURES, strict=True):
            sql = block.text.replace("telemetry.", f"{told.settings.database}.")
            sql = sql.replace("WHERE step_slug != ''", f"WHERE step_slug != '' AND user_id != {FOREIGNER}")
            rows = reader.query(sql.replace("user_id IS NOT NULL", f"user_id != {FOREIGNER}"))
            expected = [dict(zip(rows.column_names, map(as_json, row), strict=True)) for row in rows.result_rows]
            answer = part(staff.get(path).json())

            assert [{name: row[name] for name in rows.column_names} for row in answer] == expected, str(block)
            assert expected, str(block)


def test_the_terms_add_up_to_every_stored_score(told: HttpSystem, staff: httpx.Client) -> None:
    """Of each student and tutorial: the points of the terms are the score that is stored, those of steps their term."""
    rows = told.query(
        "SELECT user_id, asset_slug FROM scores WHERE user_id NOT IN ({foreigner:UInt64}, 71) ORDER BY ALL",
        foreigner=FOREIGNER,
    )

    assert len(rows) > 10
    for student, slug in rows:
        found = staff.get(f"{ROOT}/students/{student}/assets/{slug}").json()
        for score in found["explanation"]["scores"]:
            assert score["stored"] == found["scores"][score["name"]]
            assert score["agrees"], (student, slug, score["name"])
            assert sum(term["points"] for term in score["terms"]) == pytest.approx(score["stored"], abs=0.00501)
            for term in score["terms"]:
                moved = sum(mover["points"] for mover in term["movers"])
                assert not term["movers"] or moved == pytest.approx(term["points"])


def test_the_way_of_each_webhook(told: HttpSystem, staff: httpx.Client) -> None:
    """Its verdict, and as many facts as tables have of it; another academy's webhook is not there."""
    rows = told.query("SELECT webhook_id, count() FROM events GROUP BY webhook_id")
    counts = {row[0]: row[1] for row in rows}
    for webhook, verdict, text in told.query("SELECT id, verdict, status_text FROM webhooks ORDER BY id"):
        trace = staff.get(f"{ROOT}/webhooks/{webhook}/trace").json()
        assert (trace["verdict"], trace["status_text"], trace["waits_for"]) == (verdict, text, None)
        assert trace["partition"] << 40 | trace["offset"] == webhook
        assert sum(row["facts"] for row in trace["facts"]) == counts.get(webhook, 0)
        assert not {"processed_at", "processing_seconds"} & set(trace)
    with told.client("foreign", 2) as other:
        assert other.get(f"{ROOT}/webhooks/{webhook}/trace").json()["slug"] == "webhook-not-found"


def test_nothing_is_missing(staff: httpx.Client) -> None:
    """What the overview says of all that was sent: it is stored, and the ledger has no difference."""
    overview = staff.get(f"{ROOT}/overview").json()

    assert sum(row["received"] for row in overview["received"]) == sum(row["received"] for row in overview["ledger"])
    assert [row["difference"] for row in overview["ledger"]] == [0] * len(overview["ledger"])
    assert 0 <= overview["freshness"]["age_seconds"] < 6 * 3600


def test_minutes_are_those_of_the_log(told: HttpSystem, staff: httpx.Client) -> None:
    """One that waits for its outcome is pending; one that was deleted is in neither."""
    log, waiting = "/v1/assignment/academy/learnpack/webhook", place_at(1, 10**9)
    address = f"/v1/assignment/me/telemetry?token={secret('ingest')}&academy=1"
    assert staff.post(address, json={"event": "no-such-event", "slug": "s", "user_id": MEMBER}).text == "ok"
    (failed,) = told.settled(event="no-such-event")

    def agrees(since: str) -> tuple[int, int]:
        rows = staff.get(f"{ROOT}/overview?since={since}").json()["received"]
        (counted,) = told.query(
            "SELECT count(), countIf(status = 'PENDING') FROM webhook_log"
            " WHERE has(academy_ids, 1) AND created_at >= now() - INTERVAL 1 DAY"
        )
        found = sum(row["received"] for row in rows), sum(row["pending"] for row in rows)
        assert found == tuple(counted)
        return found

    before = agrees("1439m")
    told.query(
        "INSERT INTO raw (id, received_at, academy_id, source, payload)"
        " VALUES ({id:UInt64}, now(), 1, 'learnpack', '{}')",
        id=waiting,
    )
    try:
        assert agrees("1438m") == (before[0] + 1, before[1] + 1)
        assert staff.delete(f"{log}/{failed['id']}").status_code == 204
        assert agrees("1437m") == (before[0], before[1] + 1)
    finally:
        told.query("DELETE FROM raw WHERE id = {id:UInt64}", id=waiting)


def test_days_that_are_over_may_be_kept(staff: httpx.Client) -> None:
    """An hour for days that are over, not at all for today; who has it is told so."""
    over = staff.get(f"{POSTCARD}/sessions?from=2020-01-01&until=2026-01-01")
    today = staff.get(f"{POSTCARD}/sessions")

    assert over.headers["cache-control"] == "private, max-age=3600"
    assert today.headers["cache-control"] == "private, no-cache"
    again = staff.get(over.url.path + "?" + over.url.query.decode(), headers={"If-None-Match": over.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("sort", ["students", "-frustration", "completion", "-day", "asset_slug"])
def test_tutorials_are_sorted(staff: httpx.Client, sort: str) -> None:
    """By what is asked for, and in pages."""
    rows = results(staff.get(f"{ROOT}/assets?limit=200&sort={sort}").json())
    pages = [results(staff.get(f"{ROOT}/assets?limit=5&offset={n}&sort={sort}").json()) for n in (0, 5)]
    values = [row[sort.removeprefix("-")] for row in rows]

    assert values == sorted(values, reverse=sort.startswith("-"))
    assert rows[:10] == [*pages[0], *pages[1]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ROOT}/assets/elsewhere/daily", 404),
        (f"{ROOT}/assets/never-heard-of/funnel", 404),
        (f"{ROOT}/assets/untouched/funnel", 200),
        (f"{ROOT}/assets/EVERYBODYS/heatmap", 200),
        (f"{ROOT}/assets?sort=nothing", 400),
        (f"{POSTCARD}/daily?from=yesterday", 400),
        (f"{ROOT}/overview?since=soon", 400),
        (f"{ROOT}/students/{FOREIGNER}", 404),
        (f"{ROOT}/students/{FOREIGNER}/assets/everybodys", 404),
        (f"{ROOT}/students/{MEMBER}/assets/everybodys", 200),
        (f"{ROOT}/students/{MEMBER}/assets/untouched", 404),
        (f"{ROOT}/students/456", 200),
        (f"{ROOT}/students/31999", 404),
        (f"{ROOT}/students/Ada", 404),
        (f"{ROOT}/webhooks/Ada/trace", 404),
        (f"{ROOT}/students/stuck?failures=many", 400),
    ],
)
def test_what_is_not_there(staff: httpx.Client, path: str, status: int) -> None:
    """Another academy's tutorial and one that nobody knows are not found; what cannot be read is refused."""
    assert staff.get(path).status_code == status


ROUTES: Final = (
    f"{ROOT}/overview",
    f"{ROOT}/students/stuck",
    f"{ROOT}/assets",
    *(f"{POSTCARD}/{name}" for name in ("daily", "funnel", "heatmap", "sessions")),
    STUDENT,
    f"{STUDENT}/assets/exercise-postcard",
    f"{ROOT}/webhooks/1/trace",
    f"{ROOT}/rules/history",
)


@pytest.mark.parametrize("path", ROUTES)
def test_who_may_not_see_sees_nothing(told: HttpSystem, path: str) -> None:
    """Callers of another academy, without the capability, with an expired or unknown token, with none."""
    expected = {"foreign": 403, "student": 403, "ingest": 403, "expired": 401, None: 401}
    for who, status in expected.items():
        with told.client(who) as client:
            answer = client.get(path)
        assert (who, answer.status_code) == (who, status)
        assert set(answer.json()) == {"detail", "slug", "status_code"}
    with told.client(academy=None) as client:
        assert client.get(path).json()["slug"] == "missing-academy"


@pytest.mark.parametrize("value", ["../../etc/passwd", "%00", "%2e%2e%2f", "' OR 1=1 --", "%F0%9F%98%80", "a" * 3000])
def test_odd_names_do_no_harm(staff: httpx.Client, value: str) -> None:
    """Whatever stands where a slug belongs is a slug that nobody has."""
    assert staff.get(f"{ROOT}/students/stuck?asset={value}").json()["count"] == 0
    assert staff.get(f"{ROOT}/assets/{value}/funnel").status_code == 404
    assert staff.get(f"{STUDENT}/assets/{value}").status_code == 404
    assert staff.get(f"{ROOT}/students/{value}").status_code == 404


def test_the_page_prints_what_it_shows(told: HttpSystem, tmp_path: Path) -> None:
    """The commands of docs/insights.md run as they stand; last, because they bring students of their own."""
    run_examples(run_by("tests/contract/test_http_insights.py::test_the_page_prints_what_it_shows"), told, tmp_path)
