"""How somebody wants to see the console: in which language and colours, with names or without, of which academy."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import datetime
from html import unescape
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import orjson
import pytest

from operations.directory import publish_reference
from operations.tokens import grant
from schemas.wire.topics import Topics
from tests.support.console import LOGIN, Page, browser, logged_in, page
from tests.support.http_directory import TOKENS, secret
from tests.support.insights import FOREIGNER, MEMBER, UNKNOWN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system


def test_everything_is_said_in_both_languages(told: HttpSystem) -> None:
    """By what the browser asks for, and by choice, which stays."""
    with logged_in(told, **{"Accept-Language": "es-MX,es;q=0.9,en;q=0.1"}) as client:
        spanish = page(client.get("/console/stuck"))
        chosen = client.post("/console/view", data={"language": "en", "scheme": "dark", "next": "/console/stuck"})
        english = page(chosen)
        kept = page(client.get("/console/"))

    assert (spanish.language, spanish.title.partition(" ·")[0]) == ("es", "Atascados ahora")
    assert "hace" in spanish.text
    assert "failed in a row" not in spanish.text
    assert (english.language, english.title.partition(" ·")[0]) == ("en", "Stuck now")
    assert 'data-scheme="dark"' in kept.html
    assert kept.language == "en"


def test_names_can_be_hidden(told: HttpSystem) -> None:
    """Pseudonyms stand for them, the same on every page of a session and others in another one."""
    shown = []
    for _ in range(2):
        with logged_in(told) as client:
            pages = [page(client.post("/console/view", data={"names": "hidden", "next": "/console/stuck"}))]
            pages.append(page(client.get("/console/stuck?cohort=12")))
            rows = client.get("/console/stuck.csv").text
        assert all("Lovelace" not in one.text and f"Student {MEMBER}" not in one.text for one in pages)
        assert "Lovelace" not in rows
        names = [set(re.findall("Student ([0-9A-F]{12})", one.text)) for one in pages]
        assert (len(names[0]), len(names[1])) == (2, 1)
        assert names[1] < names[0]
        shown.append(names[0])

    assert shown[0] != shown[1]


def test_texts_that_may_name_students_are_hidden_with_names(told: HttpSystem, staff: httpx.Client) -> None:
    """A query stands for nobody, and of an outcome the verdict is told and not its words."""
    body = {"user_id": MEMBER, "slug": "s", "package_slug": "everybodys", "event": "hidden-nonsense"}
    with told.client("ingest") as sender:
        assert sender.post("/v1/assignment/me/telemetry", json=body).text == "ok"
    (failed,) = told.settled(event="hidden-nonsense")
    text, log = failed["status_text"], "/console/webhooks?event=hidden-nonsense"
    paths = log, f"/console/webhooks/{failed['id']}", "/console/webhooks.csv?event=hidden-nonsense"
    with logged_in(told) as client:
        client.post("/console/view", data={"names": "hidden"})
        stuck, tutorial = (
            client.get(path).text for path in ("/console/stuck", "/console/tutorials/one?slug=everybodys")
        )
        answers = [unescape(client.get(path).text) for path in paths]

    assert text
    assert all(text in unescape(staff.get(path).text) for path in paths)
    assert all(text not in answer and "hidden-nonsense" in answer for answer in answers)
    for html in (stuck, tutorial):
        queries = "".join(re.findall(r"<pre tabindex=\"0\">((?:SELECT|WITH) .*?)</pre>", html, re.DOTALL))
        assert "STUDENT" in queries
        assert not {str(MEMBER), str(UNKNOWN)} & set(re.findall(r"\d+", unescape(queries)))


def test_times_are_those_of_the_academy(told: HttpSystem) -> None:
    """Each page names the zone that the directory has of it, UTC where it has none; the API stays UTC."""
    record = {"id": 2, "timezone": "Asia/Tokyo"}
    asyncio.run(publish_reference(told.settings, Topics.of(told.settings).academies, [(b"2", orjson.dumps(record))]))
    work = f"/console/students/{FOREIGNER}/tutorial?slug=everybodys"
    with logged_in(told) as client:
        assert "Times: UTC" in page(client.get("/console/stuck")).text
    with logged_in(told, "foreign") as client:
        stuck = eventually(lambda: _with("Asia/Tokyo", client.get("/console/stuck")), 30, "the zone")
        things = page(client.get(work))
        overview = page(client.get("/console/"))
    with told.client("foreign", 2) as api:
        seen = api.get("/v1/telemetry/academy/students/stuck").json()["results"][0]["last_seen"]
    local = datetime.fromisoformat(seen).astimezone(ZoneInfo("Asia/Tokyo"))

    assert "Times: Asia/Tokyo · days of figures: UTC" in stuck.text
    assert f'<time datetime="{seen}" title="{local:%Y-%m-%d %H:%M:%S} Asia/Tokyo">' in stuck.html
    assert f"{local:%Y-%m-%d %H:%M:%S} " in things.text
    assert "when (Asia/Tokyo)" in things.text
    assert "from (Asia/Tokyo)" in overview.text
    assert seen.endswith("Z")


def _with(text: str, answer: httpx.Response) -> Page:
    shown = page(answer)
    assert text in shown.text
    return shown


def test_who_has_several_academies_looks_at_one(told: HttpSystem) -> None:
    """The first at log-in, another one by choice; none that is not theirs."""
    both: dict[int, tuple[str, ...]] = {1: ("read_assignment",), 2: ("read_assignment",)}
    asyncio.run(grant(told.settings, replace(TOKENS["staff"], academies=both), secret("both")))
    with browser(told) as client:
        eventually(lambda: client.post(LOGIN, data={"token": secret("both")}).is_success, 30, "the new token")
        first = page(client.get("/console/stuck"))
        form = {"csrf": first.fields["csrf"], "academy": "2"}
        page(client.post("/console/academy", data={**form, "academy": "77"}), 403)
        page(client.post("/console/academy", data={"academy": "2"}), 403)
        page(client.post("/console/academy", data=form))
        second = page(client.get("/console/stuck"))

    assert ("Lovelace" in first.text, "Emmy Noether" in first.text) == (True, False)
    assert ("Lovelace" in second.text, "Emmy Noether" in second.text) == (False, True)
    assert "Academy 2" in second.text
