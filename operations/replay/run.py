"""A replay from its beginning to the swap, and a rollback, each as one process that may die at any moment."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from operations.generations.cleaning import clean_surplus, replay_directory
from operations.generations.journal import require_following
from operations.generations.offsets import Offsets
from operations.generations.swap import bring_days_up, stored_everything, swap
from operations.generations.telling import Telling
from operations.replay.comparison import compare
from operations.replay.dropping import changing, give_up
from operations.replay.expired import find_expired
from operations.replay.progress import catch_up
from operations.replay.report import show, show_untold
from operations.replay.saved import comparison_file, save
from operations.table_setup import setup_tables
from operations.topics import setup_topics
from operations.wording import counted
from schemas.wire.generations import JournalError, Phase
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from operations.generations.journal import JournalWriter
    from operations.replay.comparison import Comparison
    from operations.replay.expired import Expired
    from schemas.settings import Settings
    from schemas.wire.generations import RulesOfReplay

__all__ = ["Processes", "ReplayOptions", "begin", "replay", "rollback"]

# Inserts of what a replay computed in bulk may lag behind.
_STORE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What a replay is to do.

    Attributes:
        rules: Whether what a rule ignored stays ignored, or today's rules judge everything.
        algorithm: Version of the indicators; None for the live generation's.
        dry_run: Compare and leave nothing behind; also whoever resumes it.
        resume: Go on with an unfinished one whatever its options.
        workers: Worker processes; 0 for one a core.
        keep_expired: Never lose rows whose webhooks the log no longer has: nobody is asked, and nobody has agreed.
    """

    rules: RulesOfReplay = "as-recorded"
    algorithm: str | None = None
    dry_run: bool = False
    resume: bool = False
    workers: int = 0
    keep_expired: bool = False

    @property
    def processes(self) -> int:
        """Worker processes to start."""
        return self.workers or max(1, os.cpu_count() or 1)


class Processes(Protocol):
    """Runs the processes that compute a generation: how they are started and watched is not known here."""

    async def __call__(
        self,
        settings: Settings,
        generation: int,
        workers: int,
        work: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
    ) -> bool:
        """Run them while `work` is done, which is given what stops them; whether the work came to its end."""


async def replay(
    settings: Settings,
    options: ReplayOptions,
    console: Console,
    agreed: Callable[[Comparison], Awaitable[bool]],
    processes: Processes,
) -> None:
    """Compute a new generation, compare, and if `agreed` says so put it in the live one's place.

    Interrupted, or killed, it leaves the live generation untouched and can be resumed. Raises JournalError, also where
    rows would be lost that are to be kept, what `processes` raises, aiokafka's KafkaError and ClickHouse's errors.
    """
    require_following(settings)
    async with changing(settings) as writer:
        await _finish_dropping(settings, writer)
        if writer.journal.step is Phase.IDLE and not options.resume:
            await _foretell(settings, options, writer.journal.live, console)
        options = await begin(settings, options, writer)
        await _beside(settings, options, writer, console, agreed=agreed, processes=processes)
        if options.dry_run:
            await give_up(settings, writer)
            console.print("Nothing was changed and nothing is left behind.")
        elif writer.journal.step is Phase.IDLE:
            await clean_surplus(settings, writer)
            console.print(f"Generation {writer.journal.live} is live; `replay rollback` goes back.")
        else:
            console.print("The live generation goes on. `replay resume` swaps later, `replay drop` gives it up.")


async def rollback(settings: Settings, console: Console, workers: int, processes: Processes) -> None:
    """Bring the previous generation up to the live one and put it in its place; raises as `replay`."""
    require_following(settings)
    async with changing(settings) as writer:
        if writer.journal.step is not Phase.CATCHING_UP or not writer.journal.rollback:
            await writer.write(writer.journal.returning())

        async def agreed(_comparison: Comparison) -> bool:
            return True

        await _beside(settings, ReplayOptions(workers=workers), writer, console, agreed=agreed, processes=processes)
        console.print(f"Generation {writer.journal.live} is live again.")


async def begin(settings: Settings, options: ReplayOptions, writer: JournalWriter) -> ReplayOptions:
    """Write that a replay begins, or go on with one: what was begun as a dry run stays one.

    Returns the options that hold; raises JournalError where another change is unfinished, or none to be resumed.
    """
    journal = writer.journal
    if journal.step is Phase.IDLE and options.resume:
        message = "no replay is under way; `replay` begins one."
        raise JournalError(message)
    if journal.step is Phase.IDLE:
        algorithm = options.algorithm or journal.generation(journal.live).algorithm or settings.algorithm
        began = datetime.now(UTC).isoformat(timespec="seconds")
        await writer.write(journal.begun(options.rules, algorithm, began, trial=options.dry_run))
        return options
    known = journal.generation(journal.target or 0)
    as_asked = (known.rules, known.trial) == (options.rules, options.dry_run)
    same = not journal.rollback and as_asked and options.algorithm in {None, known.algorithm}
    if not options.resume and not same:
        dry = "--dry-run " if known.trial else ""
        replay_of = f"a replay with {dry}--rules {known.rules} --algorithm {known.algorithm}"
        what = "a rollback" if journal.rollback else replay_of
        message = f"{what} is unfinished: `replay resume` goes on, `replay drop` gives it up."
        raise JournalError(message)
    return replace(options, dry_run=known.trial)


async def _finish_dropping(settings: Settings, writer: JournalWriter) -> None:
    if writer.journal.step is Phase.DROPPING:
        await give_up(settings, writer)


async def _foretell(settings: Settings, options: ReplayOptions, live: int, console: Console) -> None:
    """Say, before anything is computed, which rows the log can no longer tell; raises JournalError if none may go."""
    topics = Topics.of(settings).of_generation(live)
    async with Offsets(settings) as offsets:
        begins = await offsets.begins(topics)
    expired = await asyncio.to_thread(find_expired, settings, live, begins)
    if not expired.count:
        return
    if options.keep_expired and not options.dry_run:
        message = (
            f"{expired.of(live)}: recomputed, those that no later webhook tells again would be lost, so nothing was "
            "changed. To lose them add --without-expired; --dry-run says which they are."
        )
        raise JournalError(message)
    console.print(f"{expired.of(live)}: those that no later webhook tells again will be missing.", soft_wrap=True)


async def _beside(
    settings: Settings,
    options: ReplayOptions,
    writer: JournalWriter,
    console: Console,
    *,
    agreed: Callable[[Comparison], Awaitable[bool]],
    processes: Processes,
) -> None:
    """Run the target's processes until it is live or is not to be; they have ended then."""
    number = writer.journal.target
    assert number is not None  # noqa: S101 - it was just written
    settings_of_target = settings.model_copy(update={"generation": number})
    await setup_topics(settings_of_target)
    await asyncio.to_thread(setup_tables, settings_of_target)

    async def work(stop: Callable[[], Awaitable[None]]) -> None:
        await _follow(settings, options, writer, console, agreed=agreed, stop_children=stop)

    log = replay_directory(settings, number) / "log"
    workers = counted(options.processes, "worker")
    console.print(f"Generation {number} is computed by {workers}; their log: {log}", soft_wrap=True)
    finished = await processes(settings, number, options.processes, work)
    if not finished:
        on = "goes on with the dry run" if options.dry_run else "goes on"
        message = f"interrupted: the live generation is untouched; `replay resume` {on}, `replay drop` gives it up."
        raise JournalError(message)


async def _follow(
    settings: Settings,
    options: ReplayOptions,
    writer: JournalWriter,
    console: Console,
    *,
    agreed: Callable[[Comparison], Awaitable[bool]],
    stop_children: Callable[[], Awaitable[None]],
) -> None:
    number = writer.journal.target
    assert number is not None  # noqa: S101 - as above
    topics = Topics.of(settings)
    live, target = topics.of_generation(writer.journal.live), topics.of_generation(number)
    telling = Telling(settings, live.generation, number)
    async with Offsets(settings) as offsets:
        await catch_up(offsets, live, target, console)
        console.print(f"Caught up with generation {live.generation}; ClickHouse stores what came of the webhooks.")
        positions = await offsets.worked(target)
        await stored_everything(offsets, target, _STORE_SECONDS)
        since = await asyncio.to_thread(bring_days_up, settings, number, None)
        if not writer.journal.rollback:
            await stored_everything(offsets, live, _STORE_SECONDS)
            await asyncio.to_thread(bring_days_up, settings, live.generation, None)
            comparison = await asyncio.to_thread(compare, settings, live.generation, number, positions)
            begins = await offsets.begins(live)
            expired = await asyncio.to_thread(find_expired, settings, live.generation, begins, number)
            comparison.expired = expired.count
            path = comparison_file(settings, f"g{number}")
            await asyncio.to_thread(save, comparison, path)
            show(comparison, console)
            console.print(f"The comparison is in {path}", soft_wrap=True)
            await telling.read(offsets)
            show_untold(await asyncio.to_thread(telling.count), console)
            if expired.count:
                _require_agreement(options, expired, live.generation)
                console.print(f"{expired.of(live.generation)}: a swap would lose them.", soft_wrap=True)
            if options.dry_run or not await agreed(comparison):
                return
            await catch_up(offsets, live, target, console)
            await stored_everything(offsets, target, _STORE_SECONDS)
        seconds = await swap(settings, writer, offsets, since, telling=telling, stop_children=stop_children)
        console.print(f"Webhooks waited for {seconds:.1f} s.")


def _require_agreement(options: ReplayOptions, expired: Expired, live: int) -> None:
    if options.keep_expired and not options.dry_run:
        message = (
            f"{expired.of(live)}: a swap would lose them, so nothing was changed. `replay resume --without-expired` "
            "goes on, `replay drop` gives it up."
        )
        raise JournalError(message)
