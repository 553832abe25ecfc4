"""Insights: every figure is that of a plain SELECT, and only for those who may see it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

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
    from collections.abc import Iterator
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


ROUTES: Final = (f"{ROOT}/students/stuck",)


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


def test_the_page_prints_what_it_shows(told: HttpSystem, tmp_path: Path) -> None:
    """The commands of docs/insights.md run as they stand; last, because they bring students of their own."""
    run_examples(run_by("tests/contract/test_http_insights.py::test_the_page_prints_what_it_shows"), told, tmp_path)
