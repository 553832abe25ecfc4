"""What a page offers as a query gives the figures of the page, whatever filters it has."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.insights import FOREIGNER, MARKUP, MEMBER, as_json, cells, days_of, results, stuck, tried
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ROOT: Final = "/v1/telemetry/academy"
LOG: Final = "/v1/assignment/academy/learnpack/webhook"
STUDENT: Final = 10022
TUTORIAL: Final = "exercise-postcard"
_QUERY: Final = re.compile(r'<pre tabindex="0">((?:SELECT|WITH) .*?)</pre>', re.DOTALL)


def offered(told: HttpSystem, staff: httpx.Client, address: str) -> list[list[dict[str, Any]]]:
    """The rows of each query that a page offers, run as it stands."""
    html = staff.get(address).text
    return [
        [{name: as_json(value) for name, value in row.items()} for row in told.named(unescape(text))]
        for text in _QUERY.findall(html)
    ]


def same(told_rows: Sequence[dict[str, Any]], shown: Sequence[dict[str, Any]]) -> bool:
    """Whether rows of a query are those that are shown, in what the query has of them."""
    return list(told_rows) == [{name: row[name] for name in told_rows[0]} for row in shown] if told_rows else not shown


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ("", 2),
        ("asset=everybodys", 2),
        ("asset=another", 0),
        ("cohort=12", 1),
        ("since=30m&seen=20m", 2),
        ("failures=4&stuck=15", 2),
        ("failures=5", 0),
        ("stuck=60", 0),
    ],
)
def test_who_is_stuck(told: HttpSystem, staff: httpx.Client, filters: str, count: int) -> None:
    """With each filter; nobody of another academy is among them."""
    (rows,) = offered(told, staff, f"/console/stuck?{filters}")
    with told.client() as client:
        shown = client.get(f"{ROOT}/students/stuck?{filters}").json()

    assert shown["count"] == count
    assert FOREIGNER not in {row["user_id"] for row in rows} or not count
    assert same([row for row in rows if row["user_id"] != FOREIGNER], stuck(shown))


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ("", {"limit": 50}),
        (f"student={MEMBER}", {"student": MEMBER, "limit": 50}),
        ("status=DONE&limit=3&offset=2", {"status": "DONE", "limit": 3, "offset": 2}),
        ("event=batch", {"event": "batch", "limit": 50}),
        ("verdict=duplicate,stale", {"verdict": "duplicate,stale", "limit": 50}),
        ("verdict=pending", {"verdict": "pending", "limit": 50}),
        ("day=2020-02-29", {"day": "2020-02-29"}),
        (f"student={STUDENT}&status=ERROR", {"student": STUDENT, "status": "ERROR"}),
    ],
)
def test_the_log(told: HttpSystem, staff: httpx.Client, filters: str, wanted: dict[str, Any]) -> None:
    """A page of it, with each filter."""
    (rows,) = offered(told, staff, f"/console/webhooks?{filters}")
    with told.client() as client:
        shown = client.get(LOG, params=wanted).json()["results"]

    assert [(row["id"], row["status"], row["event"], row["created_at"]) for row in rows] == [
        (row["id"], row["status"], row["event"], row["created_at"]) for row in shown
    ]


@pytest.mark.parametrize("sort", ["-students", "frustration", "-day", "asset_slug"])
def test_tutorials(told: HttpSystem, staff: httpx.Client, sort: str) -> None:
    """In each order."""
    (rows,) = offered(told, staff, f"/console/tutorials?sort={sort}")
    with told.client() as client:
        shown = results(client.get(f"{ROOT}/assets?limit=200&sort={sort}").json())

    assert len(shown) == min(len(rows), 200) > 5
    assert same(rows[:200], shown)


def test_a_tutorial(told: HttpSystem, staff: httpx.Client) -> None:
    """Its steps, what was tried in them, its students and its days, of one whose step is called by markup as well."""
    for slug in (TUTORIAL, "everybodys"):
        steps, tries, grid, days, sessions = offered(told, staff, f"/console/tutorials/one?slug={slug}")
        with told.client() as client:
            of = {
                name: client.get(f"{ROOT}/assets/{slug}/{name}?from=1970-01-01").json()
                for name in ("funnel", "heatmap", "daily", "sessions")
            }

        assert same(steps, results(of["funnel"]))
        assert same(tries, tried(of["funnel"]))
        assert same(grid, cells(of["heatmap"]))
        assert same(days, [row for row in results(of["daily"]) if row["day"] >= "2026"][-len(days) :])
        assert [row["sessions"] for row in sessions] == [row["sessions"] for row in results(of["sessions"])]
    assert MARKUP in {row["step_slug"] for row in steps}


def test_a_student(told: HttpSystem, staff: httpx.Client) -> None:
    """Scores, their days, and the timeline of one tutorial."""
    scores, days = offered(told, staff, f"/console/students/{STUDENT}")
    (things,) = offered(told, staff, f"/console/students/{STUDENT}/tutorial?slug={TUTORIAL}")
    with told.client() as client:
        shown = client.get(f"{ROOT}/students/{STUDENT}").json()
        work = client.get(f"{ROOT}/students/{STUDENT}/assets/{TUTORIAL}?limit=1000").json()

    assert same(scores, results(shown))
    assert same(days, days_of(shown))
    assert same(things, results(work))


@pytest.mark.parametrize("since", ["1h", "6h", "24h"])
def test_the_overview(told: HttpSystem, staff: httpx.Client, since: str) -> None:
    """Minutes of the span that is looked at, and the ledger."""
    with told.client() as client:

        def agrees() -> bool:
            # The API's ledger is some seconds old, and others' webhooks may be stored between the two.
            minutes, ledger = offered(told, staff, f"/console/?since={since}")
            shown = client.get(f"{ROOT}/overview?since={since}").json()
            return bool(minutes) and same(minutes, shown["received"]) and same(ledger, shown["ledger"])

        eventually(agrees, what="the figures of the API")


def test_a_webhook(told: HttpSystem, staff: httpx.Client) -> None:
    """The facts that it told first."""
    (last,) = told.query("SELECT webhook_id, count() FROM events WHERE user_id = 10022 GROUP BY 1 ORDER BY 1 LIMIT 1")
    (facts,) = offered(told, staff, f"/console/webhooks/{last[0]}")

    assert len(facts) == last[1]
