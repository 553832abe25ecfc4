"""`webhooks`: what came, and what became of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import err, out, run
from deploy.cli.waiting import CLICKHOUSE, waiting
from operations.cut import printable
from operations.tables import WholeTable
from operations.watching import newest_webhooks, watch_webhooks
from operations.wording import counted

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["register"]

_COLUMNS: Final = ("id", "received (UTC)", "event", "student", "status", "why")
_LONGEST: Final = 2000
_TIME: Final = slice(11, 19)

_WATCHING: Final = "Waiting for what comes; Ctrl-C ends it."
_AWAY: Final = "ClickHouse does not answer; what is stored meanwhile will be shown."


def webhooks(
    *,
    student: Annotated[
        list[int] | None, typer.Option(min=1, help="Of this student, by the user id; may be repeated.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with each as its outcome is stored, until Ctrl-C.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="So many that are there, the newest.")] = 20,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for scripts; with --follow an object a line.")
    ] = False,
) -> None:
    """List the newest webhooks with what became of them, or follow them as they come."""
    current, students = settings(), student or []
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            run(_follow(current, students, limit, json=json))
        return
    with waiting(CLICKHOUSE):
        rows = run(newest_webhooks(current, students, limit))
    if json:
        out.print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    if not rows:
        out.print("No webhook is stored." if not students else "No webhook of theirs is stored.")
        return
    table = WholeTable(*_COLUMNS, unbroken=("id", "student", "status"))
    for row in rows:
        received = row["created_at"][:19].replace("T", " ")
        texts = (printable(row["event"]), _student(row), row["status"], printable(row["status_text"], _LONGEST))
        table.add_row(str(row["id"]), received, *map(escape, texts))
    out.print(table)


async def _follow(current: Settings, students: list[int], limit: int, *, json: bool) -> None:
    """Print what is there, the newest last, and what comes; how it goes is said on standard error."""
    watching: bool | None = None
    async with contextlib.aclosing(watch_webhooks(current, students, limit)) as told:
        with waiting(CLICKHOUSE):
            first = await anext(told)
            _print(first.rows, json=json)
        async for more in told:
            if more.watching != watching:
                watching = more.watching
                err.print(_WATCHING if watching else _AWAY)
            if more.skipped:
                err.print(f"{counted(more.skipped, 'webhook')} came too fast to be shown.")
            _print(more.rows, json=json)


def _print(rows: list[dict[str, Any]], *, json: bool) -> None:
    for row in rows:
        out.print(orjson.dumps(row).decode() if json else _line(row), markup=False)


def _line(row: dict[str, Any]) -> str:
    """A webhook in a line: when it was received, its id, what it was, of whom, what became of it and why."""
    received, event, why = row["created_at"][_TIME], printable(row["event"]), printable(row["status_text"], _LONGEST)
    return f"{received} {row['id']:<16} {event:<15} {_student(row):>8} {row['status']:<8} {why}".rstrip()


def _student(row: dict[str, Any]) -> str:
    return "-" if row["student_id"] is None else str(row["student_id"])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(webhooks)
