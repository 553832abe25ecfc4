"""`status`: one page about a running system."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import live_settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import EVERYTHING, waiting
from operations.status import Status, collect_status
from operations.tables import WholeTable

__all__ = ["register"]


@waiting(EVERYTHING)
def status(*, json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False) -> None:
    """Show parts, lag per topic, rows and the last error; exit code 1 if a part does not work."""
    status_now = run(collect_status(live_settings(any_topic=True)))
    if json:
        out.print(orjson.dumps(status_now.as_json(), option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        _show(status_now)
    if not status_now.healthy:
        broken = ", ".join(part for part, state in status_now.parts.items() if state != "ok")
        message = f"not everything works: {broken}"
        raise Failed(message)


def _show(status_now: Status) -> None:
    parts = WholeTable("part", "state", title="Parts")
    for part, state in status_now.parts.items():
        parts.add_row(part, f"[green]{state}[/]" if state == "ok" else f"[red]{escape(state)}[/]")
    lag = WholeTable("group", "topic", "behind", "seconds", title="Lag", unbroken=("behind", "seconds"))
    for entry in status_now.lag:
        lag.add_row(entry.group, entry.topic, str(entry.lag), f"{entry.seconds:.0f}")
    rows = WholeTable("table", "rows", title="Rows", unbroken=("rows",))
    for table, count in status_now.rows.items():
        rows.add_row(table, str(count))
    for shown in (parts, lag, rows):
        out.print(shown)
    for note in status_now.notes:
        out.print(f"note: {note}", markup=False)
    for name, restarts in status_now.restarts.items():
        times = "once" if restarts.count == 1 else f"{restarts.count} times"
        out.print(f"restarted: {name} {times}, last: {restarts.last}", markup=False)
    if status_now.last_error:
        error = status_now.last_error
        out.print(f"last error: {error['at']} webhook {error['webhook']}: {error['text']}", markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)
