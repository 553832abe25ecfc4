"""`status`: one page about a running system, once or again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, out, run
from deploy.cli.screen import Screen
from deploy.cli.waiting import EVERYTHING, waiting
from operations.forwarding import notes
from operations.generations.journal import at_live, read_journal
from operations.status import Status, collect_status
from operations.tables import WholeTable
from operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from schemas.settings import Settings

__all__ = ["register"]

_LEAST_SECONDS: Final = 0.5
_FORWARDERS_SECONDS: Final = 10.0


def status(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(min=_LEAST_SECONDS, help="Seconds between two looks of --watch.", metavar="SECONDS")
    ] = 2.0,
) -> None:
    """Show parts, lag per topic, rows and the last error; exit code 1 if a part does not work."""
    with waiting(EVERYTHING):
        status_now = _collect()
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(status_now, every, json=json)
        return
    if json:
        out.print(orjson.dumps(status_now.as_json(), option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        out.print(Group(*_page(status_now)))
    if not status_now.healthy:
        broken = ", ".join(part for part, state in status_now.parts.items() if state != "ok")
        message = f"not everything works: {broken}"
        raise Failed(message)


def _collect() -> Status:
    return run(_collected(settings()))


async def _collected(current: Settings) -> Status:
    """The page, with a line for each forwarder: which there are says Kafka alone, to whom it may be told."""
    # For both, which a Kafka that does not answer keeps waiting once.
    journal = asyncio.ensure_future(read_journal(current))
    status_now = await collect_status(current, journal=journal)
    if status_now.parts.get("kafka") == "ok":
        status_now.notes += await notes(at_live(current, journal.result()), _FORWARDERS_SECONDS)
    return status_now


def _watch(first: Status, every: float, *, json: bool) -> None:
    """Show one status after the other: in a terminal in the same place, else one below the other."""
    if json or not out.is_terminal:
        for status_now in _again(first, every):
            if json:
                out.print(orjson.dumps(status_now.as_json()).decode(), markup=False)
            else:
                out.print(_watched(status_now), Text())
        return
    # What is taller than the terminal is cut off while it changes, and whole at the end.
    console = Screen(highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for status_now in _again(first, every):
            live.update(_watched(status_now), refresh=True)


def _again(first: Status, every: float) -> Iterator[Status]:
    yield first
    while True:
        time.sleep(every)
        yield _collect()


def _watched(status_now: Status) -> RenderableType:
    """What changes, the most important first, in fewer lines than the page."""
    troubles = [Text(f"{part}: {state}", style="red") for part, state in status_now.parts.items() if state != "ok"]
    well = ", ".join(part for part, state in status_now.parts.items() if state == "ok")
    rows = ", ".join(f"{count} {table}" for table, count in status_now.rows.items())
    return Group(
        Text(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; Ctrl-C ends it", style="dim"),
        *troubles,
        *([Text(f"ok: {well}", style="green")] if well else []),
        *_notes(status_now),
        _lag(status_now),
        *([Text(f"rows: {rows}")] if rows else []),
    )


def _page(status_now: Status) -> Iterator[RenderableType]:
    parts = WholeTable("part", "state", title="Parts")
    for part, state in status_now.parts.items():
        parts.add_row(part, f"[green]{state}[/]" if state == "ok" else f"[red]{escape(state)}[/]")
    rows = WholeTable("table", "rows", title="Rows", unbroken=("rows",))
    for table, count in status_now.rows.items():
        rows.add_row(table, str(count))
    yield parts
    yield _lag(status_now)
    yield rows
    yield from _notes(status_now)


def _lag(status_now: Status) -> WholeTable:
    lag = WholeTable("group", "topic", "behind", "seconds", title="Lag", unbroken=("behind", "seconds"))
    for entry in status_now.lag:
        lag.add_row(entry.group, entry.topic, str(entry.lag), f"{entry.seconds:.0f}")
    return lag


def _notes(status_now: Status) -> Iterator[Text]:
    for note in status_now.notes:
        yield Text(f"note: {note}")
    for name, restarts in status_now.restarts.items():
        times = "once" if restarts.count == 1 else counted(restarts.count, "time")
        yield Text(f"restarted: {name} {times}, last: {restarts.last}")
    if error := status_now.last_error:
        yield Text(f"last error: {error['at']} UTC webhook {error['webhook']}: {error['text']}")
        yield Text(f"            learnpack-telemetry trace {error['webhook']} has more", style="dim")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)
