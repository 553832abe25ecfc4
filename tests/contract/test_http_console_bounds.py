"""Pages and answers stay small and whole whatever was stored, and nobody takes from others what is for all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.support.console import page
from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ROOT: Final = "/v1/telemetry/academy"
SLUG: Final = "hundreds/of-steps"
ADDRESS: Final = f"{ROOT}/assets/hundreds%2Fof-steps"
STUDENTS: Final = 130
STEPS: Final = 6
# Students whose documents have as many steps as a document may have, before those of the tutorial.
ODD: Final = 3
ODD_STEPS: Final = 500
FIRST: Final = 41_000
LONG_AGO: Final = FIRST + 999

_FACTS: Final = """
INSERT INTO {database:Identifier}.events
    (event, occurred_at, received_at, user_id, actor, asset_slug, step_slug, step_position, succeeded, webhook_id,
     ordinal, item_id, version)
SELECT
    'compile', toDateTime64('2025-01-01 00:00:00', 3, 'UTC') + number, '2025-01-01 00:00:00', student,
    toString(student), {slug:String}, concat({prefix:String}, toString(place)), {position:UInt32} + place, 1, 0, 0,
    reinterpretAsUInt128(sipHash128(student, {prefix:String}, place)), 1
FROM
(
    SELECT number, {first:UInt64} + intDiv(number, {steps:UInt64}) AS student, number % {steps:UInt64} AS place
    FROM numbers({rows:UInt64})
)
"""


@pytest.fixture(scope="module")
def hundreds(told: HttpSystem) -> Iterator[HttpSystem]:
    """With a tutorial of a few steps that a few students tell hundreds of others of, ahead of them."""
    derived = f"{told.settings.database}_g1"
    for prefix, first, students, steps, position in (
        ("real-", FIRST, STUDENTS, STEPS, ODD_STEPS),
        ("odd-" + "x" * 100, FIRST + STUDENTS, ODD, ODD_STEPS, 0),
    ):
        told.query(
            _FACTS,
            database=derived,
            slug=SLUG,
            prefix=prefix,
            first=first,
            steps=steps,
            position=position,
            rows=students * steps,
        )
    yield told
    for table in ("events", "student_day", "scores"):
        told.query("DELETE FROM {d:Identifier}.{t:Identifier} WHERE user_id >= 41000", d=derived, t=table)
    told.query("DELETE FROM {d:Identifier}.asset_daily WHERE asset_slug = {s:String}", d=derived, s=SLUG)


def test_a_few_students_hide_no_step_of_all_others(hundreds: HttpSystem) -> None:
    """Steps are chosen by how many students have them, in their order, and it is said how many are left out."""
    with hundreds.client() as client:
        answer = client.get(f"{ADDRESS}/funnel")
    funnel = answer.json()
    shown = [row["step_slug"] for row in funnel["results"]]

    assert shown[-STEPS:] == [f"real-{number}" for number in range(STEPS)]
    assert all(row["attempted"] == STUDENTS for row in funnel["results"][-STEPS:])
    assert len(shown) == 200
    assert funnel["left_out"] == STEPS + ODD_STEPS - 200
    assert len(answer.content) < 100_000


def test_a_page_of_the_grid_is_of_whole_students(hundreds: HttpSystem) -> None:
    """It ends early where there are many cells, and its links lead to all students, each with all steps."""
    rows: dict[str, Any] = {}
    pages = []
    with hundreds.client() as client:
        address: str | None = f"{ADDRESS}/heatmap?limit=1000"
        while address is not None:
            answer = client.get(address)
            pages.append(answer.json())
            assert len(answer.content) < 4 << 20
            rows |= {row["actor"]: row["steps"] for row in pages[-1]["results"]}
            address = pages[-1]["next"]

    assert [len(one["results"]) for one in pages] == [100, ODD + STUDENTS - 100]
    assert {one["left_out"] for one in pages} == {STEPS + ODD_STEPS - 200}
    assert pages[1]["previous"].endswith("limit=100&offset=0")
    for student in range(FIRST, FIRST + STUDENTS):
        assert [cell["step_slug"] for cell in rows[str(student)]] == [f"real-{number}" for number in range(STEPS)]
    for student in range(FIRST + STUDENTS, FIRST + STUDENTS + ODD):
        assert len(rows[str(student)]) == 200 - STEPS


@pytest.mark.usefixtures("hundreds")
def test_pages_of_it_are_small(staff: httpx.Client) -> None:
    """However many rows somebody wants."""
    shown = page(staff.get("/console/tutorials/one", params={"slug": SLUG, "limit": "500"}))
    steps = staff.get("/console/tutorials/one.csv", params={"slug": SLUG}).text.splitlines()

    assert all(f"real-{number}" in shown.text for number in range(STEPS))
    assert "446 others are left out" in shown.text
    assert "466 others are left out" in shown.text
    assert len(shown.html.encode()) < 150_000
    assert len(steps) == 1 + 200


def test_of_too_many_days_the_last_are_shown(hundreds: HttpSystem, staff: httpx.Client) -> None:
    """In their order; and a student of hundreds of tutorials has a page of the last ones."""
    derived = f"{hundreds.settings.database}_g1"
    ((today,),) = hundreds.query("SELECT today()")
    hundreds.query(
        "INSERT INTO {d:Identifier}.student_day (day, asset_slug, user_id, actor, completion_rate, updated_at, version)"
        " SELECT {today:Date} - intDiv(number, 300), concat('long-', toString(number % 300)), {who:UInt64},"
        " toString({who:UInt64}), 50, now(), 1 FROM numbers(9000)",
        d=derived,
        who=LONG_AGO,
        today=today,
    )
    hundreds.query(
        "INSERT INTO {d:Identifier}.scores (user_id, actor, asset_slug, completion_rate, updated_at, version)"
        " SELECT {who:UInt64}, toString({who:UInt64}), concat('long-', toString(number)), 50, now() - number, 1"
        " FROM numbers(300)",
        d=derived,
        who=LONG_AGO,
    )
    with hundreds.client() as client:
        results = client.get(f"{ROOT}/students/{LONG_AGO}").json()["results"]
    shown = page(staff.get(f"/console/students/{LONG_AGO}"))

    days = [[day["day"] for day in row["days"]] for row in results]
    assert all(one == sorted(one) and one[-1] == str(today) for one in days)
    assert sum(map(len, days)) == 2_000
    assert "Shown are the 60 worked at last, of 300." in shown.text
    assert "long-59" in shown.text
    assert "long-60" not in shown.text
    assert len(shown.html.encode()) < 150_000


def test_nobody_listens_in_all_places(told: HttpSystem) -> None:
    """Whoever opens streams without end is told to wait, and others still find room."""
    with contextlib.ExitStack() as held:
        clients = [
            held.enter_context(
                httpx.Client(
                    base_url=told.url, verify=PLAIN, timeout=30, headers=dict(told.client(who, academy).headers)
                )
            )
            for who, academy in (("staff", 1), ("foreign", 2))
        ]
        opened = 0
        while True:
            answer = held.enter_context(clients[0].stream("GET", f"{ROOT}/webhooks/stream"))
            if not answer.is_success:
                break
            opened += 1
        answer.read()
        other = held.enter_context(clients[1].stream("GET", f"{ROOT}/webhooks/stream"))

        assert 10 <= opened < 100
        assert (answer.status_code, answer.json()["slug"]) == (429, "too-many-streams")
        assert int(answer.headers["retry-after"]) > 0
        assert other.status_code == 200


def test_students_whom_nobody_knows_have_their_id(told: HttpSystem) -> None:
    """Where a webhook is shown; a page of a student of whom there is nothing is not found."""
    (webhook,) = told.query("SELECT id FROM webhooks WHERE student_id = 31000 LIMIT 1")
    with told.client() as client:
        trace = client.get(f"{ROOT}/webhooks/{webhook[0]}/trace").json()

    assert trace["student"] == {"id": 31_000, "first_name": None, "last_name": None}
