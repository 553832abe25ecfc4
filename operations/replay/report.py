"""A comparison of generations for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from operations.tables import WholeTable
from operations.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from operations.replay.comparison import Comparison

__all__ = ["show", "show_untold"]

_SHOWN: Final = 15
_LONGEST: Final = 60


def show_untold(count: int, console: Console) -> None:
    """Print how many completions the LMS would be told, if any: it cannot be undone."""
    if count:
        console.print(f"The LMS would be told {counted(count, 'completion', ',')}, which stay told.")


def show(comparison: Comparison, console: Console) -> None:
    """Print what would change: rows, verdicts, scores, days."""
    beside = comparison.part or f"Generation {comparison.new}"
    figured = "live", "new", "only live", "only new", "different", "moving"
    rows = WholeTable("table", *figured, title=f"{beside} beside generation {comparison.live}", right=figured)
    for table in comparison.tables:
        figures = (table.live, table.new, table.only_live, table.only_new, table.different, table.moving)
        rows.add_row(table.table, *(f"{figure:,}" for figure in figures))
    console.print(rows)
    if comparison.equal:
        console.print("Every row is the same.")
        return
    _verdicts(comparison, console)
    _moves(
        console,
        f"Students whose scores moved: {comparison.scores_moved:,}",
        comparison.scores,
        ("actor", "asset_slug"),
        ("engagement_score", "frustration_score", "completion_rate"),
    )
    _moves(
        console,
        f"Days that changed: {comparison.days_changed:,}",
        comparison.days,
        ("day", "asset_slug"),
        ("engagement_avg", "frustration_avg", "completion_avg", "total_sessions"),
    )


def _verdicts(comparison: Comparison, console: Console) -> None:
    if not comparison.verdicts:
        return
    changed = sum(change["webhooks"] for change in comparison.verdicts)
    columns = "webhooks", "live", "why", "new", "why", "such as"
    title = f"Webhooks whose verdict changed: {changed:,}"
    table = WholeTable(*columns, title=title, unbroken=("webhooks", "such as"))
    for change in comparison.verdicts[:_SHOWN]:
        texts = (
            _cut(change["live_verdict"]),
            _cut(change["live_status_text"]),
            _cut(change["new_verdict"]),
            _cut(change["new_status_text"]),
        )
        table.add_row(f"{change['webhooks']:,}", *texts, str(change["examples"][0]))
    console.print(table)


def _moves(
    console: Console, title: str, rows: list[dict[str, Any]], keys: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    if not rows:
        return
    table = WholeTable(*keys, *columns, title=title)
    for row in rows[:_SHOWN]:
        moves = (_move(row[f"live_{name}"], row[f"new_{name}"]) for name in columns)
        table.add_row(*(_cut(str(row[key])) for key in keys), *moves)
    if len(rows) > _SHOWN:
        table.caption = "the largest changes; the file has more"
    console.print(table)


def _move(old: Any, new: Any) -> str:
    return _figure(old) if old == new else f"{_figure(old)} → {_figure(new)}"


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:g}"


def _cut(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
