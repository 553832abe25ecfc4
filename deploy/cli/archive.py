"""`archive DIR` and `raw restore DIR NAME`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import raw
from deploy.cli.configuration import log_settings
from deploy.cli.console import err, out, run
from deploy.cli.moments import day
from deploy.cli.raw import progress_to, tell_settings
from operations.raw_log.archiving import archive_raw
from operations.raw_log.restoring import restore_raw
from operations.raw_log.students import Students
from operations.wording import counted

if TYPE_CHECKING:
    from operations.raw_log.archive_files import ArchiveFile
    from operations.raw_log.restoring import Restoration

__all__ = ["register"]


def archive(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the files are; it is made if it is not there.")
    ],
    *,
    until: Annotated[
        date | None, typer.Option(parser=day, metavar="YYYY-MM-DD", help="Last UTC day, included; else yesterday.")
    ] = None,
) -> None:
    """Write raw webhooks into Parquet files, one a day and partition; what is there already stays as it is."""

    def say(file: ArchiveFile) -> None:
        out.print(f"{file.name}: {counted(file.rows, 'record')}, {file.bytes} bytes", markup=False)

    done = archive_raw(log_settings(), directory, until, say)
    records = sum(file.rows for file in done.written)
    out.print(
        f"{counted(len(done.written), 'file')} with {counted(records, 'record')} written, "
        f"{done.there} {'was' if done.there == 1 else 'were'} there, until {done.until}.",
        markup=False,
    )


@raw.app.command()
def restore(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An archive.")],
    name: Annotated[str, typer.Argument(help="Name of the new topic, behind the prefix: webhooks.raw.2")],
    *,
    partitions: Annotated[int, typer.Option(min=0, help="Its partitions: a multiple of the log's; 0: as many.")] = 0,
    without: Annotated[list[str] | None, typer.Option(help="Leave a student's records out; repeatable.")] = None,
) -> None:
    """Build a raw topic from an archive, ids kept, each record once; then `raw copy` brings what came since."""
    current, students = log_settings(), Students(without or ())
    target, count = f"{current.topic_prefix}{name}", partitions or current.partitions
    with progress_to(target) as update:

        def progress(done: Restoration) -> None:
            if done.checked < done.total:
                update(done.checked, done.total, f"checks {directory}")
            elif done.read < done.total:
                update(done.read, done.total, f"reads {directory}")
            elif done.filled < done.to_fill:
                update(done.filled, done.to_fill, f"fills offsets of {target}")
            else:
                update(done.records + done.left_out, done.total)

        done = run(
            restore_raw(
                current,
                directory,
                target,
                count,
                keep=lambda record: not students.wrote(record),
                what=students.digest,
                progress=progress,
            )
        )
    for lost in done.lost:
        err.print(f"warning: {lost} is not in {directory}; its records are left out.", markup=False)
    for partition, gap in sorted(done.gaps.items()):
        text = f"warning: {gap} offsets of partition {partition} are missing between the archive and the raw topic."
        err.print(text, markup=False)
    out.print(f"{done.records} of {counted(done.total, 'record')} restored, {done.left_out} left out.")
    more = f"learnpack-telemetry raw copy {name}" + (f" --partitions {count}" if partitions else "")
    out.print(f"What came since: {more}{''.join(f' --without {student}' for student in without or ())}", markup=False)
    tell_settings(current, name, count)


def register(app: typer.Typer) -> None:
    """Add `archive`, and `raw` with `restore` among its commands."""
    app.command()(archive)
    app.add_typer(raw.app, name="raw")
