"""What a narrow terminal shows of a bar."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from rich.console import Console
from rich.progress import (
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskProgressColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from operations.bars import bars
from operations.replay.progress import _Rate

if TYPE_CHECKING:
    from rich.progress import Task, TaskID

ROOT = Path(__file__).parents[3]
# Made by these names, and no class of this project that ends or begins with one, in a module that has them of rich.
OF_RICH = re.compile(r"^\s*from rich\b.*(?<!class )\b(Table|Progress)\(", re.DOTALL | re.MULTILINE)


def shown(what: str, done: int, total: int | None, *figures: type[ProgressColumn]) -> str:
    """A bar in a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    progress = bars(console, *figures)
    task: TaskID = progress.add_task(what, total=total)
    progress.update(task, completed=done)
    screen = io.StringIO()
    Console(file=screen, width=80).print(progress.get_renderable())
    return screen.getvalue()


@pytest.mark.parametrize(
    ("figures", "figure"),
    [
        ((MofNCompleteColumn, TimeRemainingColumn), "12000000/24000000"),
        ((DownloadColumn,), "12.0/24.0 MB"),
        ((TaskProgressColumn, _Rate, TimeElapsedColumn, TimeRemainingColumn), "50%"),
    ],
)
def test_a_narrow_terminal_cuts_no_figure(figures: tuple[type[ProgressColumn], ...], figure: str) -> None:
    """The bar gives way, and what is done goes on in the next line."""
    what = "fills offsets of learnpack.staging.webhooks.raw.16"
    text = shown(what, 12_000_000, 24_000_000, *figures)

    assert figure in text
    assert "…" not in text
    assert "━" * 8 in text
    assert max(map(len, text.splitlines())) <= 80
    for piece in ("fills offsets of", "learnpack.staging.webhooks.", "raw.16"):
        assert piece in text


def test_before_the_total_is_known_a_figure_says_so() -> None:
    """It is neither cut nor wrong."""
    assert "0/?" in shown("to learnpack.webhooks.raw.16", 0, None, MofNCompleteColumn)


def test_every_table_and_bar_of_a_command_is_one_of_these() -> None:
    """No module makes its own, which a narrow terminal would cut."""
    own = {"operations/tables.py", "operations/bars.py"}
    paths = [path for folder in ("deploy", "operations") for path in (ROOT / folder).rglob("*.py")]
    made = {str(path.relative_to(ROOT)) for path in paths if OF_RICH.search(path.read_text())}

    assert made == own


def test_a_rate_that_is_not_known_is_not_shown() -> None:
    """A bar that has just begun has none."""
    progress = bars(Console(file=io.StringIO()), _Rate)
    progress.add_task("partition 1")

    assert _Rate().render(progress.tasks[0]).plain == ""


def test_a_rate_names_what_it_counts() -> None:
    """Offsets: not each of them holds a webhook."""
    assert _Rate().render(cast("Task", SimpleNamespace(speed=12_345.6))).plain == "12,346 offsets/s"
