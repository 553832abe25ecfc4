"""`up`: the whole system on this machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import DownloadColumn

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, run
from deploy.cli.waiting import LOADING, waiting
from deploy.demo.errors import DemoError
from deploy.demo.report import run_demo
from deploy.run.brokers import BROKERS
from deploy.run.metrics import SUPERVISOR, supervising, unended
from deploy.run.metrics_server import served
from deploy.run.part_logs import PartLogs, log_file, logs_of
from deploy.run.scraping import announced, targets_file
from deploy.run.supervisor import Supervisor, SupervisorError
from operations.bars import bars
from operations.descriptors import require_descriptors
from operations.monitoring.metrics import MONITOR
from operations.monitoring.monitor import Monitor
from operations.restart_record import record_file

if TYPE_CHECKING:
    from rich.progress import TaskID

    from deploy.run.system import LocalSystem

__all__ = ["register"]


def up(
    *,
    data: Annotated[Path | None, typer.Option(help="Directory of all data [default: .telemetry].")] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Use a directory that is deleted at the end.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    brokers: Annotated[
        int | None,
        typer.Option(help="Kafka brokers: 1, or 3 of which one may be away [default: as the directory has, else 1]."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Send real documents and show what came out.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every line of every part, and not warnings and errors alone.")
    ] = False,
) -> None:
    """Run the whole system here: Kafka, the ClickHouse engine, gateway, workers and sink. Ctrl-C stops it."""
    if ephemeral and data is not None:
        message = "--ephemeral picks its own directory; leave --data out."
        raise typer.BadParameter(message)
    if brokers not in (None, 1, BROKERS):
        message = f"--brokers is 1 or {BROKERS}."
        raise typer.BadParameter(message)
    if not ephemeral:
        _up(data or settings().data, workers, brokers, demo=demo, verbose=verbose)
        return
    directory = Path(tempfile.mkdtemp(prefix="telemetry-"))
    try:
        _up(directory, workers, brokers, demo=demo, verbose=verbose, kept=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _up(directory: Path, workers: int, brokers: int | None, *, demo: bool, verbose: bool, kept: bool = True) -> None:
    with waiting(LOADING):
        from deploy.cli.first_screen import ask_it, first_screen, write_learn_json  # noqa: PLC0415 - as below
        from deploy.cli.up_screen import UpScreen  # noqa: PLC0415 - as below
        from deploy.run.system import LocalSystem  # noqa: PLC0415 - brings the libraries of all parts

    require_descriptors("The system")
    system = LocalSystem(directory, workers, settings(), brokers)
    _prepare(system)
    parts, logs = system.parts(), logs_of(system.directory)
    unended(part.name for part in parts)
    with closing(PartLogs(logs)) as files, UpScreen([part.name for part in parts], logs, verbose=verbose) as screen:
        supervisor = Supervisor(parts, files, screen, record=record_file(system.directory))

        async def then() -> None:
            write_learn_json(system)
            screen.show(first_screen(system))
            # Until the end, and not a moment longer: it asks servers that stop then.
            async with supervising(system.directory), Monitor(system.settings()).running():
                if demo:
                    figures = await run_demo(system.settings(), screen.doing)
                    screen.show([*figures.lines(), *ask_it(system)])
                await screen.follow(system.settings())
                await asyncio.Event().wait()

        try:
            with (
                served(system.settings(), SUPERVISOR, MONITOR),
                announced(targets_file(system.directory, "up"), system.metrics_addresses),
            ):
                run(supervisor.run(then))
        except SupervisorError as error:
            if system.refusal:
                raise Failed(system.refusal) from error
            screen.show_last(error.part, error.last_lines)
            told = f"{error}. All that it wrote: {log_file(logs, error.part)}" if kept else str(error)
            raise Failed(told) from error
        except DemoError as error:
            raise Failed(str(error)) from error
        screen.say("Stopped; the data is kept." if kept else "Stopped.")


def _prepare(system: LocalSystem) -> None:
    with bars(err, DownloadColumn, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step)
            progress.update(tasks[step], completed=done, total=total or None)

        system.prepare(show)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)
