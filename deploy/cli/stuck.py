"""`stuck`: who needs somebody now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import out, run
from deploy.cli.ids import an_id
from deploy.cli.moments import span_minutes
from deploy.cli.waiting import SERVERS, waiting
from gateway.insights.stuck import LONGEST_MINUTES, StuckRule
from gateway.reading.shown import full_name
from operations.cut import printable
from operations.insights import stuck_now
from operations.tables import WholeTable
from operations.wording import counted

__all__ = ["register"]

_RULE: Final = StuckRule()
_LONGEST: Final = 80


@waiting(SERVERS)
def stuck(
    *,
    asset: Annotated[list[str] | None, typer.Option(help="In this tutorial, by its slug; may be repeated.")] = None,
    since: Annotated[str, typer.Option(help="Tries count since then: a span (30m, 7d) or an ISO 8601 date.")] = "2h",
    seen: Annotated[str, typer.Option(help="The student did anything in the tutorial since then.")] = "30m",
    cohort: Annotated[str, typer.Option(help="Of the cohort that the student's document names.")] = "",
    academy: Annotated[
        int | None, typer.Option(parser=an_id, metavar="ID", help="Whom staff of this academy see.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the most urgent.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts: rows as the API gives them.")] = False,
) -> None:
    """Show who is stuck now, on what and for how long, the most urgent first.

    A student is stuck in a step that is not completed if three tries failed since the last that went well.
    """
    now = datetime.now(UTC)
    rule = StuckRule(
        minutes=span_minutes(since, "--since", now, LONGEST_MINUTES),
        seen=span_minutes(seen, "--seen", now, LONGEST_MINUTES),
    )
    rows = run(stuck_now(settings(), rule, asset or (), cohort.strip(), academy))
    if json:
        out.print(orjson.dumps(rows[:limit], option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    if not rows:
        out.print("Nobody is stuck; --since and --seen look further back.")
        return
    numbers = ("urgency", "failed", "for", "asked", "seen")
    table = WholeTable(
        "urgency", "student", "tutorial, step", "last error", "failed", "for", "asked", "seen", right=numbers
    )
    for row in rows[:limit]:
        table.add_row(*map(escape, _cells(row, now)))
    out.print(table)
    out.print("failed: tries in a row, the first so many minutes ago (for); asked: questions")
    out.print("to the AI tutor since the last that went well; seen: minutes ago.")
    if len(rows) > limit:
        out.print(f"The {limit} most urgent of {counted(len(rows), 'step')}; --limit shows more.")


def _cells(row: dict[str, Any], now: datetime) -> tuple[str, ...]:
    error = row["last_error"]
    plain = error["event"] if error["exit_code"] is None else f"{error['event']}, exit code {error['exit_code']}"
    seen = (now - datetime.fromisoformat(row["last_seen"])).total_seconds() // 60
    return (
        f"{row['urgency']:.1f}",
        _name(row),
        f"{printable(row['asset_slug'], _LONGEST)}\n{printable(row['step_slug'], _LONGEST)}",
        printable(error["kind"], _LONGEST) or plain,
        str(row["failures"]),
        str(row["minutes"]),
        str(row["questions"]),
        f"{max(0, seen):.0f}",
    )


def _name(row: dict[str, Any]) -> str:
    names = full_name(row["student"])
    actor = printable(row["actor"], _LONGEST)
    return f"{actor}\n{printable(names, _LONGEST)}" if names else actor


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stuck)
