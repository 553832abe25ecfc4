"""Insights: every figure is that of a plain SELECT, and only for those who may see it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import orjson
import pytest

from deploy.demo.documents import demo_documents
from gateway.reading.shown import iso_instant
from operations.directory import publish_reference
from schemas.wire.topics import Topics
from tests.support.blocks import run_by
from tests.support.http_system import HttpSystem, http_system
from tests.support.page_examples import run_examples
from tests.support.payloads import START, attempt, document, step
from tests.support.sink import SinkBench
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

ROOT: Final = "/v1/telemetry/academy"
MARKUP: Final = "<script>alert(1)</script>"

# Of academy 1, of academy 2, and of none: an open directory leaves that one to all staff.
MEMBER, FOREIGNER, UNKNOWN = 123, 900, 31_000


def ago(minutes: float) -> float:
    """An instant so long before now, as tests.support.payloads counts."""
    return time.time() - minutes * 60 - START / 1000


def struggling(student: int, **fields: Any) -> dict[str, Any]:
    """A document of a student who opened the second step twenty minutes ago and has failed in it four times since."""
    tries = [{**attempt(ago(minutes), 1), "errorType": "TypeError"} for minutes in (18, 9, 4, 2)]
    first = step("00-welcome", ago(25), ago(21), position=0)
    second = step(MARKUP, ago(20), position=1, tests=[attempt(ago(19), 0), *tries], is_testeable=True)
    return document(
        first, second, last=ago(2), user_id=student, slug="everybodys", telemetry_id=f"run-{student}", **fields
    )


@pytest.fixture(scope="module")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with an open directory that has stored the bundled documents and those of three who are stuck."""
    home = tmp_path_factory.mktemp("insights")
    with http_system(stack, home, directory="open") as running:
        users = Topics.of(running.settings).users
        member = {"id": MEMBER, "first_name": MARKUP, "last_name": "Lovelace", "academies": [1]}
        asyncio.run(publish_reference(running.settings, users, [(b"%d" % MEMBER, orjson.dumps(member))]))
        bodies = [
            *demo_documents(),
            *(orjson.dumps(struggling(student)) for student in (FOREIGNER, UNKNOWN)),
            orjson.dumps(struggling(MEMBER, cohort_id=12)),
        ]
        with running.client("ingest") as client:
            for body in bodies:
                assert client.post("/v1/assignment/me/telemetry", content=body).text == "ok"
        asyncio.run(_stored(running, len(bodies)))
        yield running


async def _stored(system: HttpSystem, count: int) -> None:
    """Wait until everything is in all tables."""
    bench = SinkBench(system.settings, system.processes, system.directory)

    async def arrived() -> bool:
        ((outcomes, figures, compiles),) = system.query(
            "SELECT (SELECT count() FROM webhooks), (SELECT sum(compiles) FROM asset_daily),"
            " (SELECT countIf(event = 'compile') FROM events)"
        )
        return outcomes == count and await bench.lag() == 0 and figures == compiles

    await aeventually(arrived, 90, "the rows of all webhooks")


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
    found = [
        (
            row["student"]["id"],
            row["asset_slug"],
            row["step_slug"],
            row["failures"],
            row["stuck_since"],
            row["questions"],
        )
        for row in answer["results"]
    ]
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


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an answer."""
    rows: list[dict[str, Any]] = answer["results"]
    return rows


def tried(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a funnel that anybody tried."""
    return [row for row in results(answer) if row["tries"]]


def cells(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a grid with their students."""
    found = [{"actor": row["actor"], **cell} for row in results(answer) for cell in row["steps"]]
    return sorted(found, key=lambda cell: (cell["actor"], cell["step_slug"]))


# For each query of the page, in their order: which address has its figures, and where in the answer.
FIGURES: Final[tuple[tuple[str, Callable[[dict[str, Any]], list[dict[str, Any]]]], ...]] = (
    (f"{ROOT}/overview", lambda answer: answer["received"]),
    (f"{ROOT}/overview", lambda answer: answer["ledger"]),
    (f"{ROOT}/overview", lambda answer: [answer]),
    (f"{ROOT}/assets?limit=200", results),
    (f"{POSTCARD}/daily", results),
    (f"{POSTCARD}/funnel", results),
    (f"{POSTCARD}/funnel", tried),
    (f"{POSTCARD}/heatmap", cells),
    (f"{POSTCARD}/sessions?from=1970-01-01", results),
)


def as_json(value: Any) -> Any:
    """A column's value as answers show it."""
    if isinstance(value, datetime):
        return iso_instant(value)
    return str(value) if isinstance(value, date) else value


def test_figures_are_those_of_plain_queries(told: HttpSystem, staff: httpx.Client) -> None:
    """Each query of docs/insights.md gives what its address gives, but for students of another academy."""
    blocks = run_by("tests/contract/test_http_insights.py::test_figures_are_those_of_plain_queries")
    reader = clickhouse_connect.get_client(
        dsn=told.settings.clickhouse.get_secret_value(), autogenerate_session_id=False
    )
    with contextlib.closing(reader):
        for block, (path, part) in zip(blocks, FIGURES, strict=True):
            sql = block.text.replace("telemetry.", f"{told.settings.database}.")
            rows = reader.query(sql.replace("user_id IS NOT NULL", f"user_id != {FOREIGNER}"))
            expected = [dict(zip(rows.column_names, map(as_json, row), strict=True)) for row in rows.result_rows]
            answer = part(staff.get(path).json())

            assert [{name: row[name] for name in rows.column_names} for row in answer] == expected, str(block)
            assert expected, str(block)


def test_nothing_is_missing(staff: httpx.Client) -> None:
    """What the overview says of all that was sent: it is stored, and the ledger has no difference."""
    overview = staff.get(f"{ROOT}/overview").json()

    assert sum(row["received"] for row in overview["received"]) == sum(row["received"] for row in overview["ledger"])
    assert [row["difference"] for row in overview["ledger"]] == [0] * len(overview["ledger"])
    assert 0 <= overview["freshness"]["age_seconds"] < 6 * 3600


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


def test_the_page_prints_what_it_shows(told: HttpSystem, tmp_path: Path) -> None:
    """The commands of docs/insights.md run as they stand; last, because they bring students of their own."""
    run_examples(run_by("tests/contract/test_http_insights.py::test_the_page_prints_what_it_shows"), told, tmp_path)
