"""`raw copy | switch`; `raw restore` is in archive.py."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from deploy.cli.configuration import log_settings, settings
from deploy.cli.console import err, out, run
from deploy.cli.ids import a_topic
from deploy.cli.waiting import KAFKA, waiting
from operations.bars import bars
from operations.generations.journal import read_journal
from operations.raw_log.copying import Copied, copy_raw
from operations.raw_log.erased import Erased
from operations.raw_log.students import Students
from operations.raw_log.switch import switch as switch_generation
from operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.settings import Settings

__all__ = ["app", "progress_to", "tell_settings", "told_where_interrupted", "warn_of_erased"]

app = typer.Typer(help="The raw topic as a whole.", no_args_is_help=True)


@contextlib.contextmanager
def progress_to(topic: str) -> Iterator[Callable[..., None]]:
    """A bar of records written into a topic; yields what to tell how many are, of how many, and what is done."""
    with bars(err, MofNCompleteColumn, TimeRemainingColumn) as bar:
        into = f"to {topic}"
        task = bar.add_task(into, total=None)

        def update(completed: int, total: int, doing: str = into) -> None:
            bar.update(task, completed=completed, total=total, description=doing)

        yield update


def tell_settings(current: Settings, name: str, partitions: int) -> None:
    """Print the settings with which a new raw topic is used, by all parts and commands until `raw switch`."""
    number = run(read_journal(current)).number_for(name)
    known = _variables(name, partitions, {current.partitions, _unset(current)})
    out.print(f"To use it: {known} TELEMETRY_GENERATION={number}", markup=False)


def _variables(name: str, partitions: int, without: set[int]) -> str:
    """The settings that name a raw topic; `without` has the only partitions of which they need to say nothing."""
    more = f" TELEMETRY_PARTITIONS={partitions}" if {partitions} != without else ""
    return f"TELEMETRY_RAW_TOPIC={name}{more}"


def _unset(current: Settings) -> int:
    """How many partitions there are where no setting says it."""
    return int(type(current).model_fields["partitions"].default)


@contextlib.contextmanager
def told_where_interrupted(how_far: Callable[[], str]) -> Iterator[None]:
    """After Ctrl-C say how far the work came, and how to go on with it; the command then ends with exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        err.print(f"interrupted: {how_far()}. The same command goes on from there.", markup=False)
        raise


def warn_of_erased(topic: str, erased: Erased) -> None:
    """Say that a new topic holds students whom `forget` had erased, if it does."""
    if not erased.actors:
        return
    without = " ".join(f"--without {shlex.quote(actor)}" for actor in erased.actors)
    text = (
        f"warning: {topic} holds what `forget` has erased of {', '.join(erased.actors)}, as far as the log still had "
        "it, and a generation that is computed from it tells that again. Begin anew under another name with "
        f"{without}, or run `forget` again for them after `raw switch`."
    )
    err.print(text, markup=False)


def _how_far(done: Copied) -> str:
    """What a run of the copy has reached."""
    if done.filled < done.to_fill:
        return f"{done.filled:,} of {done.to_fill:,} offsets are filled, and no record is copied yet"
    left = f"{counted(done.missing, 'offset', ',')} of the log {'is' if done.missing == 1 else 'are'} still to come"
    return f"{counted(done.records, 'record', ',')} copied, {done.left_out:,} left out, {left}"


@app.command()
@waiting(KAFKA)
def copy(
    name: Annotated[
        str,
        typer.Argument(parser=a_topic, metavar="NAME", help="Name of the new topic, behind the prefix: webhooks.raw.2"),
    ],
    *,
    partitions: Annotated[int, typer.Option(min=0, help="Its partitions: a multiple of the source's; 0: as many.")] = 0,
    without: Annotated[list[str] | None, typer.Option(help="Leave a student's records out; repeatable.")] = None,
) -> None:
    """Copy the raw topic, ids kept, each record once; run it again, or after `restore`, to copy what came since."""
    current, students, erased = log_settings(), Students(without or ()), Erased()
    target = f"{current.topic_prefix}{name}"
    count = partitions or current.partitions
    reached = Copied()
    with told_where_interrupted(lambda: _how_far(reached)), progress_to(target) as update:

        def progress(done: Copied) -> None:
            nonlocal reached
            reached = done
            copied = done.records + done.left_out
            if done.filled < done.to_fill:
                update(done.filled, done.to_fill, f"fills offsets of {target}")
            else:
                update(copied, copied + done.missing)

        keep = erased.besides(students)
        done = run(copy_raw(current, target, count, keep=keep, what=students.digest, progress=progress))
    warn_of_erased(target, erased)
    out.print(f"{counted(done.records, 'record')} copied, {done.left_out} left out.")
    tell_settings(current, name, count)


@app.command()
@waiting(KAFKA)
def switch() -> None:
    """Make the generation that was computed from a copy, TELEMETRY_GENERATION, the live one."""
    current = settings()
    switched = run(switch_generation(current))
    live = f"Generation {current.generation} {'is' if switched else 'was'} live{'' if switched else ' already'}"
    out.print(f"{live}, from {current.topic_prefix}{current.raw_topic}.", markup=False)
    kept = _variables(current.raw_topic, current.partitions, {_unset(current)})
    out.print("With `up`: Ctrl-C, and start it again in a fresh terminal, with none of the settings: it knows them.")
    cluster = f"On a cluster: keep {kept} for all parts and commands; TELEMETRY_GENERATION may be unset now."
    out.print(cluster, markup=False)
