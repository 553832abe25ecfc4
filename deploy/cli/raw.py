"""`raw copy | switch`; `raw restore` is in archive.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.console import err, out, run, settings
from deploy.rawlog.copying import copy_raw
from deploy.rawlog.students import Students
from deploy.rawlog.switch import switch as switch_generation

if TYPE_CHECKING:
    from deploy.rawlog.copying import Copied

__all__ = ["app"]

app = typer.Typer(help="The raw topic as a whole.", no_args_is_help=True)


@app.command()
def copy(
    name: Annotated[str, typer.Argument(help="Name of the new topic, behind the prefix: webhooks.raw.2")],
    *,
    partitions: Annotated[int, typer.Option(min=0, help="Its partitions: a multiple of the source's; 0: as many.")] = 0,
    without: Annotated[list[str] | None, typer.Option(help="Leave a student's records out; repeatable.")] = None,
) -> None:
    """Copy the raw topic, ids kept, each record once; run it again, or after `restore`, to copy what came since."""
    current, students = settings(), Students(without or ())
    target = f"{current.topic_prefix}{name}"
    count = partitions or current.partitions
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=err, disable=not err.is_terminal)
    with bar:
        task = bar.add_task(f"to {target}", total=None)

        def progress(done: Copied) -> None:
            copied = done.records + done.left_out
            bar.update(task, completed=copied, total=copied + done.missing)

        done = run(
            copy_raw(
                current,
                target,
                count,
                keep=lambda record: not students.wrote(record),
                what=students.digest,
                progress=progress,
            )
        )
    out.print(f"{done.records} records copied, {done.left_out} left out.")
    own = {"RAW_TOPIC": name} | ({"PARTITIONS": str(count)} if count != current.partitions else {})
    out.print(f"To use it: {' '.join(f'TELEMETRY_{setting}={value}' for setting, value in own.items())}", markup=False)


@app.command()
def switch() -> None:
    """Make the generation that was computed from a copy, TELEMETRY_GENERATION, the live one."""
    current = settings()
    run(switch_generation(current))
    out.print(f"Generation {current.generation} is live, from {current.topic_prefix}{current.raw_topic}.", markup=False)
