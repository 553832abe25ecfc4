"""How somebody wants to see the console: in which language and colours, with names or without, of which academy."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from operations.tokens import grant
from tests.support.console import LOGIN, browser, logged_in, page
from tests.support.http_directory import TOKENS, secret
from tests.support.insights import MEMBER
from tests.support.waiting import eventually

if TYPE_CHECKING:
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
        names = [set(re.findall("Student ([0-9A-F]{6})", one.text)) for one in pages]
        assert (len(names[0]), len(names[1])) == (2, 1)
        assert names[1] < names[0]
        shown.append(names[0])

    assert shown[0] != shown[1]


def test_who_has_several_academies_looks_at_one(told: HttpSystem) -> None:
    """The first at log-in, another one by choice; none that is not theirs."""
    both: dict[int, tuple[str, ...]] = {1: ("read_assignment",), 2: ("read_assignment",)}
    asyncio.run(grant(told.settings, replace(TOKENS["staff"], academies=both), secret("both")))
    with browser(told) as client:
        eventually(lambda: client.post(LOGIN, data={"token": secret("both")}).is_success, 10, "the new token")
        first = page(client.get("/console/stuck"))
        form = {"csrf": first.fields["csrf"], "academy": "2"}
        page(client.post("/console/academy", data={**form, "academy": "77"}), 403)
        page(client.post("/console/academy", data={"academy": "2"}), 403)
        page(client.post("/console/academy", data=form))
        second = page(client.get("/console/stuck"))

    assert ("Lovelace" in first.text, "Emmy Noether" in first.text) == (True, False)
    assert ("Lovelace" in second.text, "Emmy Noether" in second.text) == (False, True)
    assert "Academy 2" in second.text
