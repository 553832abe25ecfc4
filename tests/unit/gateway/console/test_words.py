"""What pages say: everything in both languages, and nothing that no page says."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Final

import gateway.console
from gateway.console.words import MODULES, WORDS, say

ROOT: Final = Path(gateway.console.__file__).parent
SOURCES: Final = [
    path.read_text()
    for path in (*ROOT.glob("*.py"), *(ROOT / "templates").iterdir())
    if path.suffix in {".py", ".html"}
]
# Whole keys, and the beginnings of those that are put together.
KEY: Final = re.compile(r"[\"']([a-z]+(?:\.[a-z0-9_]+)*\.?)(?=[\"'{])")

# The same word in both languages.
ALIKE: Final = {
    "login.token",
    "nav.webhooks",
    "rules.field.package_slugs",
    "rules.trial.count",
    "status.ERROR",
    "students.id",
    "stuck.filter.asset",
    "utc",
    "verdict.error",
    "webhook.title",
    "webhooks.caption",
    "webhooks.id",
    "webhooks.title",
    "work.error",
    "work.tutorial",
}


def names(text: str) -> set[str]:
    """The placeholders of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    """Their placeholders are the same, and no text is empty or the other's."""
    for key, (english, spanish) in WORDS.items():
        assert names(english) == names(spanish), key
        assert english.strip(), key
        assert spanish.strip(), key
        assert english != spanish or key in ALIKE, key


def test_no_key_is_twice() -> None:
    """Of two with one key a page would say one."""
    assert len(WORDS) == sum(len(module.WORDS) for module in MODULES)


def test_every_key_is_said() -> None:
    """A text that no page uses is nobody's to keep right."""
    found = {match for source in SOURCES for match in KEY.findall(source)}
    beginnings = tuple(key for key in found if key.endswith("."))

    assert [key for key in WORDS if key not in found and not key.startswith(beginnings)] == []


def test_every_key_that_a_template_names_is_there() -> None:
    """A page that lacks a word fails for whoever opens it."""
    said = {match for source in SOURCES for match in re.findall(r"say\([\"']([\w.]+)[\"'][,)]", source)}

    assert len(said) > 50
    assert said - WORDS.keys() == set()


def test_values_are_no_placeholders() -> None:
    """What a student calls itself stays what it is."""
    assert say("en", "student", id="{count}") == "Student {count}"
    assert say("es", "live.fresh", count="{count}") == "{count} nuevos: mostrar"
