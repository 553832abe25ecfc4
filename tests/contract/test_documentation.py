"""What the pages name is there: files, tests, modules, commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer.main

from deploy.cli import app
from deploy.settings_page import PAGE, render
from schemas.settings import PREFIX, Settings
from tests.support.sources import EVERY_PAGE, ROOT, parsed

if TYPE_CHECKING:
    from pathlib import Path


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link has a file at its end."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())

    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


@EVERY_PAGE
def test_named_tests_are_there(page: Path) -> None:
    """A test that a page calls a proof exists, in the file that it names."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())

    missing = []
    for path, name in named:
        tree = parsed((ROOT / path).read_text()) if (ROOT / path).exists() else parsed("")
        if name not in {getattr(node, "name", "") for node in tree.body}:
            missing.append(f"{path}::{name}")
    assert missing == []


@EVERY_PAGE
def test_named_modules_are_there(page: Path) -> None:
    """`streams.partition` and the like are modules, packages, or names in them."""
    missing = []
    for name in re.findall(r"`((?:schemas|streams|sinks|gateway|deploy)\.[\w.]+)`", page.read_text()):
        parts = name.split(".")
        path = ROOT.joinpath(*parts)
        within = ROOT.joinpath(*parts[:-1]).with_suffix(".py")
        package = ROOT.joinpath(*parts[:-1], "__init__.py")
        named_within = any(
            f"{keyword} {parts[-1]}" in source.read_text()
            for source in (within, package)
            if source.exists()
            for keyword in ("def", "class")
        )
        if not (path.is_dir() or path.with_suffix(".py").exists() or named_within):
            missing.append(name)
    assert missing == []


@EVERY_PAGE
def test_named_commands_are_there(page: Path) -> None:
    """`learnpack-telemetry X` is a command."""
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"learnpack-telemetry ([a-z][a-z-]+)", page.read_text()))

    assert named - known == set()


@EVERY_PAGE
def test_named_settings_are_there(page: Path) -> None:
    """`TELEMETRY_X` is a setting, one of the notebooks' package, or what `up` writes beside them."""
    named = {name.rstrip("_") for name in re.findall(rf"{PREFIX}[A-Z][A-Z_]+", page.read_text())}
    foreign = {name for name in named if name.startswith(f"{PREFIX}PACKAGE")}

    assert named - foreign - Settings.settings_names() == set()


def test_the_page_of_settings_is_that_of_the_code() -> None:
    """docs/settings.md is what `python -m deploy.settings_page` writes, and has every setting once."""
    assert PAGE.read_text() == render(), "run `uv run python -m deploy.settings_page`"
    assert set(re.findall(rf"^\| `({PREFIX}\w+)` \|", PAGE.read_text(), re.MULTILINE)) == Settings.settings_names()
