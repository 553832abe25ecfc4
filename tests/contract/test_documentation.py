"""What the pages name is there: files, tests, modules, commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson
import typer.main

from deploy import metrics_page, rights_page
from deploy.cli import app
from deploy.helm import written as of_chart
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
    """`streams.partition` and the like are modules, packages or names in them, or values of the Helm chart."""
    missing = []
    chart = orjson.loads((ROOT / "deploy/helm/learnpack-telemetry/values.schema.json").read_bytes())["properties"]
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
        is_value = parts[1] in chart.get(parts[0], {}).get("properties", {})
        if not (path.is_dir() or path.with_suffix(".py").exists() or named_within or is_value):
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


def test_the_page_of_rights_is_that_of_the_code() -> None:
    """docs/kafka-security.md has what each part may do as `python -m deploy.rights_page` writes it."""
    page = rights_page.PAGE.read_text()

    assert page == rights_page.render(page), "run `uv run python -m deploy.rights_page`"


def test_the_chart_knows_the_code_s_settings_and_topics() -> None:
    """The lists in the Helm chart are what `python -m deploy.helm` writes."""
    committed = {name: (of_chart.FOLDER / name).read_text() for name in of_chart.written()}

    assert committed == of_chart.written(), "run `uv run python -m deploy.helm`"


def test_the_page_of_metrics_is_that_of_the_code() -> None:
    """docs/metrics.md is what `python -m deploy.metrics_page` writes, and names every figure once."""
    page = metrics_page.PAGE.read_text()
    declared = [figure.name for part in metrics_page.every_part() for figure in part.declared]

    assert page == metrics_page.render(page), "run `uv run python -m deploy.metrics_page`"
    assert sorted(re.findall(r"^\| `(telemetry_\w+)` \|", page, re.MULTILINE)) == sorted(set(declared))
    assert len(declared) == len(set(declared))
