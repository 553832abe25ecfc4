"""Figures get onto the page between their markers, and only from a machine at rest."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from bench import page
from tests.support.sources import ROOT, modules

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """# Performance

By hand.

<!-- measured: toy -->
old figures

<!-- measured: end of toy -->

More by hand.
"""


def toy(times: Annotated[int, typer.Option(help="How often.")] = 1) -> None:
    """Print as a measurement does."""
    sys.stdout.write(f"new figures x {times}\n")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of this test's own, on a machine at rest."""
    file = tmp_path / "performance.md"
    file.write_text(PAGE)
    monkeypatch.setattr(page, "PAGE", file)
    monkeypatch.setattr(page, "load", lambda: 0.3)
    return file


def start(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Run the toy as a command line would; returns what it exits with."""
    monkeypatch.setattr(sys, "argv", ["toy", *arguments])
    with pytest.raises(SystemExit) as ended:
        page.run(toy, "toy")
    return ended.value.code


def test_a_section_is_replaced_and_nothing_else() -> None:
    """What stands around the markers stays, however often a section is written."""
    once = page.with_section(PAGE, "toy", "figures\n")

    assert once == PAGE.replace("old figures", "figures")
    assert page.with_section(once, "toy", "old figures") == PAGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- measured: toy -->",
        "<!-- measured: end of toy -->\n<!-- measured: toy -->",
        PAGE + PAGE,
        PAGE.replace("toy", "toys"),
    ],
)
def test_a_page_without_the_markers_is_refused(text: str) -> None:
    """Figures have one place, or none."""
    with pytest.raises(page.SectionMissingError, match="once and each on a line of its own"):
        page.with_section(text, "toy", "figures")


def test_figures_are_written_with_machine_load_date_and_command(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees how a figure came about."""
    assert start(monkeypatch, "--times", "3", "--write") == 0

    text = here.read_text()
    assert "new figures x 3" in text
    assert "old figures" not in text
    said = (
        r"`python -m bench\.toy --times 3`, \d{4}-\d\d-\d\d \d\d:\d\d UTC, .* cores, .* Python 3.*; load 0\.30 before"
    )
    assert re.search(said, text)
    assert text.startswith("# Performance\n\nBy hand.\n")
    assert text.endswith("\n\nMore by hand.\n")


def test_a_busy_machine_writes_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is measured, with what to do."""
    monkeypatch.setattr(page, "load", lambda: 1.2)

    refused = str(start(monkeypatch, "--write"))

    assert "1.20, above 1" in refused
    assert "End what else runs" in refused
    assert here.read_text() == PAGE


def test_a_busy_machine_measures_all_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `--write` figures are printed, with the load beside them."""
    monkeypatch.setattr(page, "load", lambda: 9.0)

    assert start(monkeypatch) == 0

    printed = capsys.readouterr()
    assert printed.out.strip() == "new figures x 1"
    assert "load before: 9.00" in printed.err
    assert here.read_text() == PAGE


def test_a_command_after_another_is_judged_by_idle_processors(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load remembers the command before; the processors do not."""
    monkeypatch.setattr(page, "load", lambda: 4.0)
    monkeypatch.setattr(page, "busy", lambda: 0.05)
    assert start(monkeypatch, "--write", "--in-a-row") == 0
    assert "new figures" in here.read_text()

    monkeypatch.setattr(page, "busy", lambda: 0.5)
    assert "50% of the processors' time is used" in str(start(monkeypatch, "--write", "--in-a-row"))


def test_every_measurement_has_its_place() -> None:
    """What `--write` of a command needs is on the page."""
    sections = [
        section
        for path in modules("bench")
        for section in re.findall(r'^    run\(main, "(\w+)"\)$', path.read_text(), re.MULTILINE)
    ]

    assert {"chassis", "core", "freshness", "replay", "state", "worker"} <= set(sections)
    for section in sections:
        page.with_section((ROOT / "docs" / "performance.md").read_text(), section, "")
