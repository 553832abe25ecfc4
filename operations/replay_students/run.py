"""The replay of some students in place: recomputed beside the live generation, compared, and written into it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.progress import TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn

from operations.bars import bars
from operations.directory import load_reference
from operations.generations.journal import require_following
from operations.generations.mandates import LiveMandate, live_progress
from operations.generations.offsets import Offsets
from operations.generations.swap import stored_everything
from operations.pseudonyms import keyed_settings
from operations.replay.dropping import changing
from operations.replay.progress import advance_to
from operations.replay.report import show, show_untold
from operations.replay.saved import comparison_file, save
from operations.replay_students.difference import Difference, difference
from operations.replay_students.log import Recomputation, find_students
from operations.replay_students.patch import patch
from operations.replay_students.scope import Students, unit_of, whom
from operations.replay_students.tables import LiveTables
from operations.retention import days_stored
from operations.wording import counted
from schemas.days_kept import MARGIN_DAYS
from schemas.wire.generations import JournalError
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.daily.refresh import Change, refresh
from sinks.templates import Installation
from streams.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

    from aiokafka import TopicPartition
    from clickhouse_connect.driver.client import Client
    from rich.console import Console

    from operations.generations.journal import JournalWriter
    from operations.replay.comparison import Comparison
    from operations.replay_students.scope import Scope
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings
    from schemas.wire.generations import RulesOfReplay
    from streams.messages import Message

__all__ = ["replay_in_place"]

_STORE_SECONDS: Final = 600.0
# While the workers wait.
_LAST_ROWS_SECONDS: Final = 60.0
_AGAIN: Final = "the same replay again"


@dataclass(slots=True)
class _Work:
    """A scope and what is needed to recompute it; `settings` and `topics` are the live generation's."""

    settings: Settings
    topics: Topics
    scope: Scope
    rules: RulesOfReplay
    offsets: Offsets
    client: Client
    tables: LiveTables
    console: Console

    async def students(self, reference: Reference, policy: Policy) -> set[bytes]:
        """Under whom the worker keeps what it knows of the scope's students."""
        students = Students(self.scope, reference, policy)
        units = {unit_of(actor) for actor in students.actors}
        if not students.actors:
            actors = await asyncio.to_thread(self.tables.actors, self.scope, students.slugs)
            units |= {unit_of(actor) for actor in actors if not actor.startswith("webhook:")}
        if not students.by_name_alone:
            begin, end = await self.offsets.begins(self.topics), await self.offsets.worked(self.topics)
            with self.bar("whom it concerns", begin, end) as advanced:
                units |= await find_students(self.settings, students, begin, end, advanced)
        return units

    async def recompute(self, recomputed: Recomputation, end: Mapping[int, int]) -> None:
        """Come up to these raw offsets, and know the live state of the students."""
        begin = recomputed.positions or await self.offsets.begins(self.topics)
        with self.bar("webhooks", begin, end) as advanced:
            await recomputed.advance(end, advanced)
        ends = await self.offsets.ends_of([self.topics.changelog])
        state = {tp.partition: offset for tp, offset in ends.items()}
        with self.bar("state", {}, state) as advanced:
            await recomputed.read_state(state, advanced)

    async def compare(self, recomputed: Recomputation, seconds: float) -> Difference:
        """Hold it to the tables, once they have everything."""
        await stored_everything(self.offsets, self.topics, seconds, _AGAIN)
        days = None
        if self.rules == "as-recorded" and (kept := await asyncio.to_thread(self._outcomes_kept)) is not None:
            # What is about to expire may be there for one question and not for the next.
            days = kept - MARGIN_DAYS
        return await asyncio.to_thread(difference, self.tables, self.topics, self.scope, recomputed, webhook_days=days)

    def _outcomes_kept(self) -> int | None:
        return days_stored(self.client, self.settings).outcomes

    async def report(self, units: Collection[bytes], recomputed: Recomputation, differing: Difference) -> None:
        """Save the comparison, and show it with what cannot be undone."""
        webhooks = counted(len(recomputed.records), "webhook", ",")
        self.console.print(f"{whom(self.scope, units)}, {webhooks}.")
        path = comparison_file(self.settings, "part")
        await asyncio.to_thread(save, differing.comparison, path)
        show(differing.comparison, self.console)
        self.console.print(f"The comparison is in {path}", soft_wrap=True)
        show_untold(sum(map(len, differing.untold.values())), self.console)

    async def replace(self, writer: JournalWriter, recomputed: Recomputation) -> Difference:
        """Write what differs where the workers have stopped; returns the difference up to there."""
        last: list[Difference] = []

        async def prepare(stopped: dict[int, int]) -> Mapping[TopicPartition, list[Message]]:
            await self.recompute(recomputed, stopped)
            last.append(await self.compare(recomputed, _LAST_ROWS_SECONDS))
            limit = self.settings.max_message_bytes
            return await asyncio.to_thread(last[-1].outgoing, self.topics, recomputed, limit)

        seconds = await patch(self.settings, writer, self.offsets, prepare)
        self.console.print(f"Webhooks waited for {seconds:.1f} s.")
        return last[-1]

    async def settle(self, recomputed: Recomputation, differing: Difference) -> None:
        """Do what no record can: delete claims, and compute the days of these tutorials again."""
        await stored_everything(self.offsets, self.topics, _STORE_SECONDS, _AGAIN)
        await asyncio.to_thread(self.tables.delete_claims, differing.claims)
        tutorials = differing.tutorials(recomputed)
        if runs := differing.runs(recomputed):
            tutorials |= await asyncio.to_thread(self.tables.tutorials_of_runs, runs)
        change = Change(tuple(sorted(tutorials)))
        await asyncio.to_thread(refresh, self.client, Installation.of(self.settings), change, forced=True)

    @contextlib.contextmanager
    def bar(self, what: str, begin: Mapping[int, int], end: Mapping[int, int]) -> Iterator[Callable[[int], None]]:
        """A progress bar over offsets; yields what to tell how many were passed."""
        with bars(self.console, TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn) as progress:
            total = sum(max(0, goal - begin.get(number, 0)) for number, goal in end.items())
            task = progress.add_task(what)
            advance_to(progress, task, 0, total)
            yield lambda count: progress.advance(task, count)


async def replay_in_place(
    settings: Settings,
    scope: Scope,
    rules: RulesOfReplay,
    console: Console,
    agreed: Callable[[Comparison], Awaitable[bool]] | None,
) -> None:
    """Recompute the students of a scope, show what differs, and if `agreed` says so write it into the live generation.

    None in place of `agreed` leaves it at the comparison. Interrupted, or killed, at any moment, the live generation
    goes on, with every student as before or as recomputed; the same replay does the rest. Raises JournalError,
    aiokafka's KafkaError and ClickHouse's errors.
    """
    require_following(settings)
    async with contextlib.AsyncExitStack() as stack:
        writer = await stack.enter_async_context(changing(settings))
        # Refused while another replay is unfinished.
        writer.journal.patching({})
        settings_of_live = LiveMandate(await keyed_settings(settings), writer.journal).settings
        topics, offsets = Topics.of(settings_of_live), await stack.enter_async_context(Offsets(settings_of_live))
        client = stack.enter_context(contextlib.closing(await asyncio.to_thread(connect, settings_of_live)))
        tables = LiveTables(client, Installation.of(settings_of_live))
        work = _Work(settings_of_live, topics, scope, rules, offsets, client, tables, console)
        reference, policy = await load_reference(settings), Policy.of(settings_of_live)
        units = await work.students(reference, policy)
        live = live_progress(settings_of_live, writer.journal, as_recorded=rules == "as-recorded")
        stack.push_async_callback(live.stop)
        await live.start()
        recomputed = Recomputation(settings_of_live, units, reference=reference, policy=policy, live=live)
        await work.recompute(recomputed, await offsets.worked(topics))
        differing = await work.compare(recomputed, _STORE_SECONDS)
        if not recomputed.records and differing.comparison.equal and not recomputed.cells():
            message = f"there is no webhook and no row of {scope}: nothing to recompute. Check what it is called."
            raise JournalError(message)
        await work.report(units, recomputed, differing)
        if agreed is None:
            console.print("Nothing was changed and nothing is left behind.")
            return
        if not differing.comparison.equal or recomputed.cells():
            if not await agreed(differing.comparison):
                console.print("Nothing was changed.")
                return
            differing = await work.replace(writer, recomputed)
        await work.settle(recomputed, differing)
        console.print(f"{differing.comparison.part} is as recomputed.")
