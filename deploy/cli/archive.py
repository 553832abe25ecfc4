"""`archive DIR` and `raw restore DIR NAME`."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli import raw
from deploy.cli.configuration import log_settings
from deploy.cli.console import err, out, run
from deploy.cli.ids import a_topic
from deploy.cli.moments import day
from deploy.cli.raw import progress_to, tell_settings, told_where_interrupted, warn_of_erased
from deploy.cli.waiting import KAFKA, SERVERS, waiting
from operations.raw_log.archiving import archive_raw
from operations.raw_log.erased import Erased
from operations.raw_log.restoring import Restoration, restore_raw
from operations.raw_log.students import Students
from operations.raw_log.target import MARGIN
from operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.raw_log.archive_files import ArchiveFile

__all__ = ["register"]

_ERASED_LATER: Final = (
    "note: whoever was erased after the files were written is in them, and in the topic. Begin anew under another name "
    "with their --without (the last line of `forget` has it), or run `forget` again for them after `raw switch`."
)


@waiting(SERVERS)
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
@waiting(KAFKA)
def restore(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An archive.")],
    name: Annotated[
        str,
        typer.Argument(parser=a_topic, metavar="NAME", help="Name of the new topic, behind the prefix: webhooks.raw.2"),
    ],
    *,
    partitions: Annotated[int, typer.Option(min=0, help="Its partitions: a multiple of the log's; 0: as many.")] = 0,
    without: Annotated[list[str] | None, typer.Option(help="Leave a student's records out; repeatable.")] = None,
) -> None:
    """Build a raw topic from an archive, ids kept, each record once; then `raw copy` brings what came since."""
    current, students, erased = log_settings(), Students(without or ()), Erased()
    target, count = f"{current.topic_prefix}{name}", partitions or current.partitions
    reached = Restoration()
    with told_where_interrupted(lambda: _how_far(reached)), progress_to(target) as update:

        def progress(done: Restoration) -> None:
            nonlocal reached
            reached = done
            update(*_doing(done, directory, target))

        keep = erased.besides(students)
        done = run(restore_raw(current, directory, target, count, keep=keep, what=students.digest, progress=progress))
    _warn(done, directory)
    if not without:
        err.print(_ERASED_LATER, markup=False)
    warn_of_erased(target, erased)
    out.print(f"{done.records} of {counted(done.total, 'record')} restored, {done.left_out} left out.")
    more = f"learnpack-telemetry raw copy {name}" + (f" --partitions {count}" if partitions else "")
    left_out = "".join(f" --without {shlex.quote(student)}" for student in without or ())
    out.print(f"What came since: {more}{left_out}", markup=False)
    tell_settings(current, name, count)


def _doing(done: Restoration, directory: Path, target: str) -> tuple[int, int, str]:
    """What is done now: how much of it, of how much, and what it is called."""
    if done.checked < done.total:
        return done.checked, done.total, f"checks {directory}"
    if done.read < done.total:
        return done.read, done.total, f"reads {directory}"
    if done.filled < done.to_fill:
        return done.filled, done.to_fill, f"fills offsets of {target}"
    return done.records + done.left_out, done.total, f"to {target}"


def _how_far(done: Restoration) -> str:
    """What a run of the restore has reached."""
    if not done.records and not done.left_out:
        return "no record is restored yet"
    return f"{done.records:,} of {counted(done.total, 'record', ',')} restored, {done.left_out:,} left out"


def _warn(done: Restoration, directory: Path) -> None:
    """Say what is missing."""
    for lost in done.lost:
        err.print(f"warning: {lost} is not in {directory}; its records are left out.", markup=False)
    for partition, gap in sorted(done.gaps.items()):
        for text in _missing(partition, gap):
            err.print(text, markup=False)


def _missing(partition: int, gap: int) -> Iterator[str]:
    """What is said of offsets that neither archive nor raw topic have.

    A topic is filled with a million of each partition, so these are told from the ones that held webhooks.
    """
    filled = gap - gap % MARGIN
    if filled:
        yield (
            f"note: partition {partition} of the raw topic begins {filled:,} offsets behind the archive. In a log that "
            "was copied or restored that is as it should be: these offsets were filled then, and no webhook was there. "
            "In one that never was, they are webhooks that are lost."
        )
    if missing := gap - filled:
        are = "is" if missing == 1 else "are"
        yield (
            f"warning: {counted(missing, 'offset')} of partition {partition} {are} missing between the archive and the "
            "raw topic: at most so many webhooks are lost, fewer where an offset holds none."
        )


def register(app: typer.Typer) -> None:
    """Add `archive`, and `raw` with `restore` among its commands."""
    app.command()(archive)
    app.add_typer(raw.app, name="raw")
