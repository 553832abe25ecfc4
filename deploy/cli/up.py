"""`up`: the whole system on this machine."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import DownloadColumn

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from deploy.cli.screen import Screen
from deploy.cli.waiting import LOADING, waiting
from deploy.demo.report import DemoError, run_demo
from deploy.run.output import DetachedOutput
from deploy.run.supervisor import Supervisor, SupervisorError
from gateway.console.once import LINK_SECONDS, offer_link, with_link
from operations.bars import bars
from operations.descriptors import require_descriptors
from operations.restart_record import record_file
from operations.tokens import digest

if TYPE_CHECKING:
    from rich.progress import TaskID

    from deploy.run.system import LocalSystem

__all__ = ["register"]

_FOLLOWED = "raw topic   {name}, which the live generation is computed from: TELEMETRY_RAW_TOPIC is not set"
_LEFT = "            it was at port {port}: what has that address, a learn.json for one, needs the new one"
_ONCE = f"            (logs in once, within {LINK_SECONDS // 60} minutes; afterwards paste the token below)"
_QUERY = "SELECT event, count() FROM telemetry.events GROUP BY event ORDER BY event"


def up(
    *,
    data: Annotated[Path | None, typer.Option(help="Directory of all data [default: .telemetry].")] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Use a directory that is deleted at the end.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Send real documents and show what came out.")] = False,
) -> None:
    """Run the whole system here: Kafka, the ClickHouse engine, gateway, workers and sink. Ctrl-C stops it."""
    if ephemeral and data is not None:
        message = "--ephemeral picks its own directory; leave --data out."
        raise typer.BadParameter(message)
    if not ephemeral:
        _up(data or settings().data, workers, demo=demo)
        return
    directory = Path(tempfile.mkdtemp(prefix="telemetry-"))
    try:
        _up(directory, workers, demo=demo)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _up(directory: Path, workers: int, *, demo: bool) -> None:
    with waiting(LOADING):
        from deploy.run.system import LocalSystem  # noqa: PLC0415 - brings the libraries of all parts

    require_descriptors("The system")
    system = LocalSystem(directory, workers, settings())
    _prepare(system)
    output = DetachedOutput()
    screen = Screen(file=output.of(sys.stderr), stderr=True, highlight=False, soft_wrap=True)
    page = Screen(file=output.of(sys.stdout), highlight=False, soft_wrap=True, width=out.width)
    supervisor = Supervisor(system.parts(), screen, record=record_file(system.directory))

    async def then() -> None:
        page.print(_summary(system), markup=False)
        if demo:
            await run_demo(system.settings(), page)
            page.print(_paste(system), markup=False)

    try:
        run(supervisor.run(then))
    except (SupervisorError, DemoError) as error:
        output.close()
        raise Failed(system.refusal or str(error)) from error
    screen.print("Stopped; the data is kept." if directory.exists() else "Stopped.")
    output.close()


def _prepare(system: LocalSystem) -> None:
    with bars(err, DownloadColumn, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step)
            progress.update(tasks[step], completed=done, total=total or None)

        system.prepare(show)


def _console(system: LocalSystem) -> str:
    """Where the console is, with a link that logs in once."""
    return with_link(system.gateway_url, offer_link(system.settings().spool, digest(system.token), time.time()))


def _summary(system: LocalSystem) -> str:
    url = f"{system.gateway_url}/v1/assignment/me/telemetry"
    lines = [
        "",
        "LearnPack Telemetry is up; Ctrl-C stops it.",
        "",
        f"console     {_console(system)}",
        _ONCE,
        f"gateway     {system.gateway_url}",
        *([_LEFT.format(port=system.left_port)] if system.left_port else []),
        f"clickhouse  {system.clickhouse_url}",
        f"analysts    {system.analyst_url}",
        f"token       {system.token}",
        f"addresses   {system.env_file}",
        f"terminals   {_line_for_terminals(system)}",
        *([_FOLLOWED.format(name=system.followed["raw_topic"])] if "raw_topic" in system.followed else []),
        "",
        "learn.json of a tutorial:",
        f'  "telemetry": {{"batch": "{url}?asset_id=ASSET_ID", "streaming": "{url}?token={system.ingest_key}"}}',
        "  (ASSET_ID is the tutorial's id: put it in, or leave `?asset_id=ASSET_ID` out)",
        "",
    ]
    return "\n".join(lines)


def _line_for_terminals(system: LocalSystem) -> str:
    """What makes the command known to another terminal, and the system known to the command."""
    environment = f"set -a; . {shlex.quote(str(system.env_file))}; set +a"
    activate = Path(sys.prefix) / "bin" / "activate"
    return f". {shlex.quote(str(activate))}; {environment}" if activate.exists() else environment


def _paste(system: LocalSystem) -> str:
    return f"Ask it yourself:\n  curl '{system.clickhouse_url}' --data-binary '{_QUERY}'"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)
