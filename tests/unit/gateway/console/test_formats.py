"""Numbers and times as people read them, and how pages are chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from gateway.console.formats import Formats, cut, step_number
from gateway.console.view import View

NOW: Final = datetime(2026, 4, 15, 10, 40, tzinfo=UTC)
ENGLISH, SPANISH = Formats("en", NOW), Formats("es", NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.19, "190 ms"), (1, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_spans_have_the_unit_that_one_counts_in(seconds: float, text: str) -> None:
    """Two of a unit are the first that are told in it."""
    assert ENGLISH.duration(seconds) == text


def test_numbers_are_written_as_in_the_language() -> None:
    """Thousands and decimals, sizes and shares."""
    assert (ENGLISH.number(1204.5, 1), SPANISH.number(1204.5, 1)) == ("1,204.5", "1.204,5")
    assert (ENGLISH.bytes(999), ENGLISH.bytes(1_500_000), SPANISH.bytes(2_500)) == ("999 B", "1.5 MB", "2,5 kB")
    assert (ENGLISH.percent(31, 100), ENGLISH.percent(1, 0), ENGLISH.number(None)) == ("31 %", "–", "–")  # noqa: RUF001


def test_times_are_relative_with_the_exact_one_beside() -> None:
    """Three minutes ago, and when that was."""
    text = "2026-04-15T10:37:00.000Z"

    assert ENGLISH.ago(text) == f'<time datetime="{text}" title="2026-04-15 10:37:00 UTC">3 min ago</time>'
    assert ">hace 3 min<" in SPANISH.ago(text)
    assert "15/04/2026 10:37:00" in SPANISH.exact(text)
    assert (ENGLISH.day("2026-04-15"), SPANISH.day("2026-04-15")) == ("2026-04-15", "15/04/2026")


def test_times_are_those_of_the_zone() -> None:
    """Beside the pointer with its name, in summer as in winter; days of figures stay as they are."""
    madrid = Formats("en", NOW, ZoneInfo("Europe/Madrid"))
    summer, winter = "2026-04-15T22:37:00.000Z", "2026-01-15T22:37:00.000Z"

    assert 'title="2026-04-16 00:37:00 Europe/Madrid"' in madrid.exact(summer)
    assert (madrid.clock(summer), madrid.clock(winter), ENGLISH.clock(summer)) == ("00:37", "23:37", "22:37")
    assert (madrid.tick(summer), Formats("es", NOW, madrid.zone).tick(winter)) == ("04-16 00:37", "15/01 23:37")
    assert madrid.beside(winter) == "2026-01-15 23:37:00 Europe/Madrid"
    assert f'datetime="{summer}"' in madrid.exact(summer)
    assert madrid.day("2026-04-15") == "2026-04-15"
    assert (madrid.zone_name, ENGLISH.zone_name) == ("Europe/Madrid", "UTC")


def test_a_step_has_the_number_of_its_slug() -> None:
    """As its author counts, not by its place in a list."""
    slugs = ("08.1-red-borders", "00-welcome", "12", "10.2.1-x", "hello", "3d-models")

    assert [step_number(slug) for slug in slugs] == ["08.1", "00", "12", "10.2.1", "", ""]


def test_long_texts_are_cut() -> None:
    """With a sign that they are."""
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")


@pytest.mark.parametrize(
    ("cookie", "accepted", "view"),
    [
        (None, None, View()),
        (None, "es-ES,es;q=0.9", View("es")),
        ("en.dark.hidden", "es", View("en", "dark", names=False)),
        ("xx.pink.maybe", "es", View("es")),
        ("", "en", View()),
    ],
)
def test_a_view_is_what_the_cookie_says_and_else_the_browser(cookie: str | None, accepted: str, view: View) -> None:
    """What is neither is the usual."""
    assert View.of(cookie, accepted) == view
    assert View.of(view.cookie(), "en") == view


def test_a_form_changes_what_it_names() -> None:
    """And nothing else; what does not exist is left out."""
    view = View("es", "dark", names=False)

    assert view.changed({"language": "en"}) == View("en", "dark", names=False)
    assert view.changed({"language": "fr", "scheme": "pink", "names": "?"}) == view
    assert view.changed({"scheme": "auto", "names": "shown"}) == View("es")
