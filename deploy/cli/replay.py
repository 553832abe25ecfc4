"""`replay`, and `replay status | resume | drop | rollback`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, get_args

import orjson
import typer

from deploy.cli.configuration import log_settings
from deploy.cli.console import NO_ANSWER, Failed, agreed, err, is_yes, out, run
from deploy.cli.waiting import KAFKA, SERVERS, STARTING, waiting
from deploy.run.replaying import run_beside
from operations.descriptors import require_descriptors
from operations.generations.journal import read_journal
from operations.generations.lease import lease_is_held
from operations.replay.dropping import drop as drop_
from operations.replay.expired import find_passed
from operations.replay.run import ReplayOptions
from operations.replay.run import replay as replay_
from operations.replay.run import rollback as rollback_
from operations.replay_students.run import replay_in_place
from operations.replay_students.scope import Scope
from operations.tables import WholeTable
from operations.wording import counted
from schemas.settings import Settings
from schemas.wire.generations import Journal, JournalError, Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from operations.replay.comparison import Comparison
    from operations.replay.dropping import Dropping
    from schemas.wire.generations import RulesOfReplay

__all__ = ["app"]

app = typer.Typer(help="Recompute everything from the raw topic, compare, and swap.")

_SURPLUS = "can be deleted: replay drop"
_OF_COPY = "of {raw}: raw switch"

_Yes = Annotated[bool, typer.Option("--yes", help="Swap without asking, for scripts.")]
_WithoutExpired = Annotated[
    bool,
    typer.Option("--without-expired", help="With --yes: lose rows whose webhooks the log no longer has."),
]
_Workers = Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")]


async def _answer() -> str:
    """A line of standard input; a thread that waits for it would hold up Ctrl-C."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(sys.stdin, readable.set_result, None)
    except (OSError, ValueError):
        # A file can always be read, and a closed one has no answer.
        return "" if sys.stdin.closed else sys.stdin.readline()
    try:
        await readable
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()


async def _agreed(question: str) -> bool:
    """Whether a person agrees; raises Failed as `is_yes`."""
    err.print(f"{question} [y/N] ", end="", markup=False)
    return is_yes(await _answer())


async def _beside(
    settings: Settings,
    generation: int,
    workers: int,
    work: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> bool:
    """The same as `run_beside`, and says what is waited for until the work begins."""
    with contextlib.ExitStack() as line:
        line.enter_context(waiting(STARTING))

        async def begun(stop: Callable[[], Awaitable[None]]) -> None:
            line.close()
            await work(stop)

        return await run_beside(settings, generation, workers, begun)


def _asking(*, yes: bool) -> Callable[[Comparison], Awaitable[bool]]:
    async def answered(comparison: Comparison) -> bool:
        if yes:
            return True
        loss = f", without these {counted(comparison.expired, 'row', ',')}" if comparison.expired else ""
        swap = f"Swap: is generation {comparison.new} to be the live one{loss}?"
        try:
            return await _agreed(f"Replace these rows of {comparison.part}?" if comparison.part else swap)
        except Failed:
            # What was computed is kept; how to go on with it is said next.
            err.print(f"{NO_ANSWER[0].upper()}{NO_ANSWER[1:]}")
            return False

    return answered


@app.callback(invoke_without_command=True)
@waiting(SERVERS)
def replay(
    context: typer.Context,
    *,
    rules: Annotated[
        str, typer.Option(help="as-recorded: what a rule ignored stays ignored. current: today's rules judge.")
    ] = "as-recorded",
    algorithm: Annotated[str | None, typer.Option(help="Version of the indicators [default: the live one's].")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and leave nothing behind.")] = False,
    yes: _Yes = False,
    without_expired: _WithoutExpired = False,
    workers: _Workers = 0,
    student: Annotated[str | None, typer.Option(help="Recompute one student in place: a user id, or a name.")] = None,
    asset: Annotated[str | None, typer.Option(help="Recompute every student of a tutorial in place, by slug.")] = None,
    academy: Annotated[int | None, typer.Option(min=1, help="Recompute every student of an academy in place.")] = None,
) -> None:
    """Recompute everything from the raw topic as a new generation, compare it with the live one, and swap.

    With --student, --asset or --academy those students alone, in the live generation itself.
    """
    if context.invoked_subcommand is not None:
        return
    require_descriptors("The replay")
    if rules not in {"as-recorded", "current"}:
        message = "--rules is as-recorded or current."
        raise typer.BadParameter(message)
    known = get_args(Settings.model_fields["algorithm"].annotation)
    if algorithm not in {None, *known}:
        message = f"--algorithm is one of {', '.join(known)}."
        raise typer.BadParameter(message)
    judged: RulesOfReplay = "current" if rules == "current" else "as-recorded"
    if scopes := [given for given in (student, asset, academy) if given is not None]:
        if len(scopes) > 1:
            message = "only one of --student, --asset and --academy at a time."
            raise typer.BadParameter(message)
        if algorithm is not None:
            message = "a generation has one algorithm: leave --algorithm out, or replay everything with it."
            raise typer.BadParameter(message)
        if without_expired:
            message = "a replay in place keeps those rows, or is refused: leave --without-expired out."
            raise typer.BadParameter(message)
        scope = Scope(student, asset, academy)
        run(replay_in_place(log_settings(), scope, judged, out, None if dry_run else _asking(yes=yes)))
        return
    keep_expired = yes and not without_expired
    options = ReplayOptions(judged, algorithm, dry_run=dry_run, workers=workers, keep_expired=keep_expired)
    run(replay_(log_settings(), options, out, _asking(yes=yes), _beside))


@app.command()
@waiting(SERVERS)
def resume(*, yes: _Yes = False, without_expired: _WithoutExpired = False, workers: _Workers = 0) -> None:
    """Go on with a replay, its dry run or a rollback that is unfinished."""
    require_descriptors("The replay")
    current = log_settings()
    if run(read_journal(current)).rollback:
        run(rollback_(current, out, workers, _beside))
    else:
        options = ReplayOptions(resume=True, workers=workers, keep_expired=yes and not without_expired)
        run(replay_(current, options, out, _asking(yes=yes), _beside))


def _dropping(database: str, *, yes: bool) -> Callable[[Dropping], Awaitable[bool]]:
    """Says what is to be dropped, and asks."""

    async def answered(todo: Dropping) -> bool:
        if todo.given_up is not None:
            err.print(f"The change to generation {todo.given_up} is to be given up; the live generation goes on.")
        for number in todo.deleted:
            what = f"its topics and its tables, the database {database}_g{number}"
            err.print(f"Generation {number} is to be deleted for good: {what}.", markup=False)
        return yes or await _agreed("Do that?")

    return answered


@app.command()
@waiting(SERVERS)
def drop(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False) -> None:
    """Give an unfinished replay or rollback up, and delete what nobody needs.

    Deleted are topics and tables of what the replay has computed, and of what `replay status` says can be deleted. It
    says which these are, and asks.

    Never: the raw topic, the live generation, the one kept for a rollback, one of a copy that waits for `raw switch`.
    """
    current = log_settings()
    done = run(drop_(current, _dropping(current.database, yes=yes)))
    if done is None:
        message = "nothing was given up, and nothing deleted."
        raise Failed(message)
    given_up = done.given_up
    if given_up is not None:
        out.print(f"The change to generation {given_up} is given up.")
    elif not done.deleted:
        out.print("No replay is under way, and there is no generation that nobody needs.")
    for number in done.deleted:
        if number != given_up:
            out.print(f"Generation {number} is deleted, which nobody needed any more.")


@app.command()
@waiting(SERVERS)
def rollback(*, yes: _Yes = False, without_expired: _WithoutExpired = False, workers: _Workers = 0) -> None:
    """Go back to the previous generation, after it has caught up with the live one."""
    require_descriptors("The replay")
    current = log_settings()
    journal = run(read_journal(current))
    if journal.previous is None:
        message = f"generation {journal.live} has no previous one to go back to; a replay makes one."
        raise JournalError(message)
    passed = run(find_passed(current, journal.live, journal.previous))
    loss = ""
    if passed.count:
        told = f"{passed.of(journal.live)}, and generation {journal.previous} never had them"
        if yes and not without_expired:
            message = f"{told}: they would be lost, so nothing was changed. To lose them add --without-expired."
            raise JournalError(message)
        err.print(f"{told}.", markup=False)
        loss = f", without these {counted(passed.count, 'row', ',')}"
    if not yes and not agreed(f"Make generation {journal.previous} the live one again{loss}?"):
        message = f"generation {journal.live} stays the live one."
        raise Failed(message)
    run(rollback_(current, out, workers, _beside))


async def _state(current: Settings) -> tuple[Journal, bool]:
    return await read_journal(current), await lease_is_held(current)


def _minute(began: str | None) -> str:
    """A moment as a narrow terminal has room for it in one line."""
    return began[:16].replace("T", " ") if began else "-"


@app.command()
@waiting(KAFKA)
def status(*, json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False) -> None:
    """Show the generations, and where a change of them stands."""
    journal, held = run(_state(log_settings()))
    if json:
        shown = {**orjson.loads(journal.encode()), "running": held}
        out.print(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    table = WholeTable("generation", "is", "rules", "algorithm", "began (UTC)")
    for generation in journal.generations:
        role = {journal.live: "live", journal.previous: "kept for rollback", journal.target: str(journal.step)}
        other = _OF_COPY.format(raw=generation.raw) if generation.by_settings else _SURPLUS
        table.add_row(
            str(generation.number),
            role.get(generation.number, other),
            generation.rules,
            generation.algorithm or "-",
            _minute(generation.began),
        )
    out.print(table)
    if journal.step is Phase.PATCHING:
        err.print("A replay in place runs." if held else "A replay in place ended; workers go on by themselves.")
    elif journal.step is not Phase.IDLE:
        kind = "dry run of a replay" if journal.generation(journal.target or 0).trial else "replay"
        what = f"A {'rollback' if journal.rollback else kind}"
        state = "runs" if held else "is unfinished: `replay resume` goes on, `replay drop` gives it up"
        err.print(f"{what} to generation {journal.target} {state}.", soft_wrap=True)
