"""The console, page by page: its figures are those of the API."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from operations.tokens import NewToken, grant
from tests.support.blocks import run_by
from tests.support.console import LOGIN, Page, browser, logged_in, page
from tests.support.http_directory import TOKENS
from tests.support.insights import FOREIGNER, MARKUP, MEMBER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

# Of the bundled documents.
STUDENT, TUTORIAL = 10022, "exercise-postcard"


def test_the_navigation_leads_to_what_a_token_may_see(told: HttpSystem, staff: httpx.Client) -> None:
    """Every page that is named is there, and pages of operators are named to operators only."""
    everything = _navigation(page(staff.get("/console/")))
    with logged_in(told, "reader") as client:
        own = _navigation(page(client.get("/console/")))
        for path in own:
            page(client.get(path))
        for path in everything[len(own) :]:
            page(client.get(path), 403)
    for path in everything:
        assert f'href="{path}" aria-current="page"' in staff.get(path).text

    assert own == everything[:6]
    assert everything[6:] == ["/console/letters", "/console/operations"]


def _navigation(shown: Page) -> list[str]:
    (nav,) = re.findall(r"<nav aria-label=\"Pages\">.*?</nav>", shown.html, re.DOTALL)
    return re.findall(r'href="([^"]+)"', nav)


def test_who_only_operates_is_led_to_that(told: HttpSystem) -> None:
    """And sees no student."""
    asyncio.run(grant(told.settings, NewToken(9, {5: ("operate_telemetry",)}, TOKENS["staff"].created_at), "operator"))
    with browser(told) as client:
        eventually(lambda: client.post(LOGIN, data={"token": "operator"}).is_success, 30, "the token")
        shown = page(client.get("/console/"))
        page(client.get("/console/stuck"), 403)

    assert shown.title.startswith("Operations")
    assert _navigation(shown) == ["/console/letters", "/console/operations"]


def test_students_stand_by_when_they_were_there(told: HttpSystem, staff: httpx.Client) -> None:
    """The last of their interactions, as each one's own page has it, whenever that came."""
    shown = re.findall(
        r'href="/console/students/(\d+)">.*?<time datetime="([^"]+)"', page(staff.get("/console/students")).html
    )
    with told.client() as client:
        for student, at in shown:
            rows = client.get(f"/v1/telemetry/academy/students/{student}").json()["results"]
            assert at == rows[0]["last_interaction_at"] == max(row["last_interaction_at"] for row in rows), student

    assert [at for _, at in shown] == sorted((at for _, at in shown), reverse=True)
    assert len({at for _, at in shown}) > 5


def test_who_is_found_stands_with_their_work(told: HttpSystem, staff: httpx.Client) -> None:
    """Tutorials, completion and the last time as on one's own page, and the same as a file; nothing of who has none."""
    with told.client() as client:
        rows = client.get(f"/v1/telemetry/academy/students/{STUDENT}").json()["results"]
    completion = round(sum(row["completion"] for row in rows) / len(rows), 1)
    shown = page(staff.get("/console/students", params={"q": str(STUDENT)}))
    lines = staff.get("/console/students.csv", params={"q": str(STUDENT)}).text.splitlines()
    (idle,) = staff.get("/console/students.csv", params={"q": "456"}).text.splitlines()[1:]
    recent = staff.get("/console/students.csv").text.splitlines()

    assert f'<time datetime="{rows[0]["last_interaction_at"]}"' in shown.html
    assert f" {len(rows)} {completion}" in shown.text
    assert lines[0] == '\ufeff"student_id","student","tutorials","completion","last_at"'
    assert lines[1].startswith(f"{STUDENT},")
    assert lines[1].endswith(f',{len(rows)},{completion},"{rows[0]["last_interaction_at"]}"')
    assert idle.endswith(',0,"",""')
    assert lines[1] in recent


def test_students_are_found_by_name_and_id(told: HttpSystem, staff: httpx.Client) -> None:
    """Members by a part of their name; those of other academies not at all."""
    by_name, by_id, foreign, unknown = (
        page(staff.get("/console/students", params={"q": sought}))
        for sought in ("LOVE", str(STUDENT), str(FOREIGNER), "nobody at all")
    )

    known = {row[0] for row in told.query("SELECT DISTINCT user_id FROM scores WHERE user_id IS NOT NULL")}
    recent = page(staff.get("/console/students"))
    assert {f"/console/students/{one}" for one in known - {FOREIGNER}} <= set(recent.addresses)
    assert f"/console/students/{FOREIGNER}" not in recent.addresses
    assert f"/console/students/{MEMBER}" in by_name.addresses
    assert "/console/students/456" not in by_name.addresses
    assert f"/console/students/{STUDENT}" in by_id.addresses
    for shown in (foreign, unknown):
        assert "Nobody is called that." in shown.text
    assert "/console/students.csv?q=LOVE" in by_name.addresses
    for who in (str(FOREIGNER), "31999", "x", "9" * 30):
        page(staff.get(f"/console/students/{who}"), 404)
        page(staff.get(f"/console/students/{who}/tutorial?slug=everybodys"), 404)


def test_a_student_has_the_scores_of_the_api(told: HttpSystem, staff: httpx.Client) -> None:
    """And the terms of each add up to it."""
    with told.client() as client:
        work = client.get(f"/v1/telemetry/academy/students/{STUDENT}/assets/{TUTORIAL}").json()
    student = page(staff.get(f"/console/students/{STUDENT}"))
    shown = page(staff.get(f"/console/students/{STUDENT}/tutorial?slug={TUTORIAL}"))

    assert work["scores"]["completion"] > 0
    for name in ("completion", "engagement", "frustration"):
        assert f" {work['scores'][name]:,.1f} " in student.text
    for score in work["explanation"]["scores"]:
        assert f"Why {score['value']:.2f}?" in shown.text
        assert abs(sum(term["points"] for term in score["terms"]) - score["value"]) < 0.01
        assert all(f" {term['points']:.2f} " in shown.text for term in score["terms"])
    assert f"{work['count']:,} in all" in shown.text
    assert shown.html.count("<use class") >= min(400, work["count"])
    for slug in ("nowhere", "../../etc/passwd", ""):
        page(staff.get(f"/console/students/{STUDENT}/tutorial", params={"slug": slug}), 404)


def test_a_tutorial_has_the_funnel_of_the_api(told: HttpSystem, staff: httpx.Client) -> None:
    """With its students, and nothing of another academy's tutorials."""
    with told.client() as client:
        funnel = client.get(f"/v1/telemetry/academy/assets/{TUTORIAL}/funnel").json()["results"]
        listed = client.get("/v1/telemetry/academy/assets").json()
    shown, every = page(staff.get(f"/console/tutorials/one?slug={TUTORIAL}")), page(staff.get("/console/tutorials"))

    for step in funnel:
        assert re.search(
            f"{step['step_slug']} {step['opened']} {step['attempted']} {step['completed']} ", shown.text
        ), step
    assert "Hardest: " in shown.text
    assert f"/console/students/{STUDENT}/tutorial?slug={TUTORIAL}" in shown.addresses
    assert f"{listed['count']} in all" in every.text
    assert all((row["asset_title"] or row["asset_slug"]) in every.text for row in listed["results"])
    for slug in ("elsewhere", "../../etc/passwd", "nothing-of-it", ""):
        page(staff.get("/console/tutorials/one", params={"slug": slug}), 404)


def test_the_log_is_that_of_the_api(told: HttpSystem, staff: httpx.Client) -> None:
    """Filters, rows and files; and of one webhook its way and what it said."""
    with told.client() as client:
        log = client.get("/v1/assignment/academy/learnpack/webhook", params={"student": MEMBER}).json()
        trace = client.get(f"/v1/telemetry/academy/webhooks/{log['results'][-1]['id']}/trace").json()
    shown = page(staff.get(f"/console/webhooks?student={MEMBER}"))
    rows = staff.get(f"/console/webhooks.csv?student={MEMBER}").text.splitlines()
    one = page(staff.get(f"/console/webhooks/{trace['id']}"))

    assert f"{log['count']} in all" in shown.text
    assert [f"/console/webhooks/{row['id']}" for row in log["results"]] == [
        address for address in shown.addresses if re.fullmatch(r"/console/webhooks/\d+", address)
    ]
    assert len(rows) == 1 + log["count"]
    assert f"partition {trace['partition']}, offset {trace['offset']}" in one.text
    assert f"receipt {trace['receipt']}" in one.text
    assert MARKUP in one.text
    assert MARKUP not in one.html
    with logged_in(told, "foreign") as client:
        page(client.get(f"/console/webhooks/{trace['id']}"), 404)
        assert f"/console/webhooks/{trace['id']}" not in page(client.get("/console/webhooks")).addresses
    with logged_in(told) as client:
        client.post("/console/view", data={"names": "hidden"})
        hidden = page(client.get(f"/console/webhooks/{trace['id']}"))
    assert "Lovelace" not in hidden.text
    assert '"user_id"' not in hidden.text
    assert "Not shown while names are hidden" in hidden.text


def test_operators_see_the_whole_system(told: HttpSystem, staff: httpx.Client) -> None:
    """As the API has it."""
    with told.client(academy=None) as client:

        def at_one_time() -> tuple[dict[str, Any], Page]:
            # Parts are asked anew every two seconds: one may be late between the two.
            status = client.get("/v1/telemetry/operations").json()
            shown = page(staff.get("/console/operations"))
            assert ("Every part works." in shown.text) == status["healthy"]
            return status, shown

        status, shown = eventually(at_one_time, what="a page that agrees with the API")

    assert all(name in shown.text for name in status["parts"])
    assert all(row["topic"] in shown.text for row in status["lag"])
    assert f"Generation {status['generations']['live']} is live." in shown.text


def test_the_queries_of_the_page_run(told: HttpSystem, staff: httpx.Client) -> None:
    """And give what the pages show."""
    log, facts, lag = run_by("tests/contract/test_http_console_pages.py::test_the_queries_of_the_page_run")
    ids = [row[0] for row in told.query(log.text.replace("telemetry.", f"{told.settings.database}."))]
    first = told.query(facts.text.replace("telemetry.", f"{told.settings.database}.").replace("= 9012", f"= {ids[-1]}"))
    shown = page(staff.get("/console/webhooks?limit=500"))

    assert {f"/console/webhooks/{one}" for one in ids} <= set(shown.addresses)
    assert len(ids) >= 16
    eventually(lambda: told.query(lag.text.replace("telemetry.", f"{told.settings.database}.")), 60, "a measurement")
    assert all(row[0] for row in first)


def test_pages_are_small(staff: httpx.Client) -> None:
    """With all that they need, at most 150 kB."""
    for path in _navigation(page(staff.get("/console/"))):
        shown = page(staff.get(path))
        files = [staff.get(name).content for name in shown.addresses if name.startswith("/console/static/")]
        assert len(shown.html.encode()) + sum(map(len, files)) < 150_000, path


def test_every_page_is_there_in_spanish(told: HttpSystem, staff: httpx.Client) -> None:
    """No word is missing on any."""
    with logged_in(told, **{"Accept-Language": "es"}) as client:
        for path in [
            *_navigation(page(staff.get("/console/"))),
            f"/console/students/{STUDENT}/tutorial?slug={TUTORIAL}",
        ]:
            shown = page(client.get(path))
            assert shown.language == "es"
            assert not re.findall(r"\{[a-z]+\}", shown.text), path
