"""`forget`: the steps in their order, each of which may be repeated.

1. Everything is found, in every table; a failure here leaves all as it was. 2. Tombstones for tasks and tokens.
3. Commands, with which the worker drops its state and takes the documents back; again for what was on its way.
4. Once those are through, rows are deleted, and again until sinks can bring none any more. 5. Daily figures are
computed again. 6. A tombstone for the user, last, because a later run learns the names in notebooks from the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from broker import clients
from broker.partitioning import topic_partitions
from operations.directory import load_reference
from operations.forgetting.found import find, webhooks_with
from operations.forgetting.person import identify
from operations.forgetting.records import directory_records, forget_tasks_and_tokens, forget_user, send_commands
from operations.forgetting.rows import delete
from operations.generations.journal import live_settings, read_journal
from operations.generations.offsets import Offsets
from operations.pseudonyms import keyed_settings
from operations.raw_log.errors import RawLogError
from operations.retention import days_kept
from operations.topic_fit import other_logs
from schemas.setting_types import MOST_DAYS
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_all
from sinks.templates import Installation
from streams.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from operations.forgetting.found import Found
    from operations.forgetting.person import Person
    from schemas.settings import Settings

__all__ = ["Forgotten", "forget", "last_day"]

_WORKER_SECONDS: Final = 60.0
_SINK_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
# Who is still being written after so many rounds is still sending.
_ROUNDS: Final = 5

_STORED: Final = """
SELECT uniqExact(id) FROM {database:Identifier}.raw
WHERE id IN {ids:Array(UInt64)} AND id IN (SELECT id FROM {database:Identifier}.webhooks)
"""


@dataclass(slots=True)
class Forgotten:
    """What was removed, and what Kafka still holds.

    `tombstones` are by topic (gone from disk when the broker compacts), `rows` by table (gone from disk now), `actors`
    those who were forgotten, `until` topics that are never rewritten, with what ends them: the day on which retention
    has the last of it, or the end of a generation that is kept; of logs of before, and of copies that nobody has gone
    over to, whether they have anything of the student or not.
    """

    actors: list[str] = field(default_factory=list)
    tombstones: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)


async def forget(
    settings: Settings,
    asked: str,
    agreed: Callable[[Found], bool] = lambda _: True,
    say: Callable[[str], None] = lambda _: None,
) -> Forgotten | None:
    """Erase a student, if `agreed` to what was found; None where not. Safe to repeat after an end anywhere.

    The report counts what was of the student, not the commands that this writes and deletes itself.

    Raises RawLogError if no worker or sink takes part within a minute or the student goes on sending, and the errors of
    Kafka and ClickHouse.
    """
    settings = await keyed_settings(await live_settings(settings))
    reference = await load_reference(settings)
    person = identify(reference, asked, Policy.of(settings).pseudonyms)
    with contextlib.closing(await asyncio.to_thread(connect, settings)) as client:
        work = _Work(settings, client, person, Topics.of(settings), say)
        stored = await work.find()
        stored.records = directory_records(reference, person.user)
        return await work.erase(stored) if agreed(stored) else None


@dataclass(slots=True)
class _Work:
    settings: Settings
    client: Client
    person: Person
    topics: Topics
    say: Callable[[str], None]
    commands: list[int] = field(default_factory=list)

    async def find(self) -> Found:
        return await asyncio.to_thread(find, self.client, self.settings.database, self.topics.raw, self.person)

    async def erase(self, stored: Found) -> Forgotten:
        done, shown = Forgotten(rows=dict.fromkeys(stored.rows, 0)), stored.rows
        done.tombstones = await forget_tasks_and_tokens(self.settings, self.person.user)
        told: dict[str, tuple[list[str], list[str]]] = {}
        for _ in range(_ROUNDS):
            while new := {
                actor: progress for actor, progress in stored.progress.items() if told.get(actor) != progress
            }:
                self.say("waiting for the worker")
                sent = await send_commands(self.settings, new)
                self.commands += sent
                await self._stored(sent)
                told |= new
                # What was on its way when the first search was made is stored by now.
                stored = await self.find()
            self.say("deleting rows")
            await self._delete(stored, done.rows)
            stored = await self.find()
            if not stored.left:
                break
        else:
            message = f"{stored.left} new rows of {self.person.student} came meanwhile: stop who sends, forget again."
            raise RawLogError(message)
        for database in stored.databases:
            settings_of_generation = self.settings.model_copy(update={"generation": int(database.rpartition("_g")[2])})
            await asyncio.to_thread(refresh_all, self.client, Installation.of(settings_of_generation))
        # A row that ClickHouse has merged with the one that takes it back is gone as well.
        done.rows = {table: max(number, shown.get(table, 0)) for table, number in done.rows.items()}
        done.tombstones |= await forget_user(self.settings, self.person.user)
        documents = sum(len(slugs) for slugs, _ in told.values())
        done.tombstones |= {self.topics.telemetry: documents, self.topics.changelog: documents + len(told)}
        done.actors = list(told)
        done.until = await self._until()
        return done

    async def _delete(self, stored: Found, deleted: dict[str, int]) -> None:
        """Delete what was found, and wait until no sink can bring a row of it once more."""
        on_cluster = Installation.of(self.settings).on_cluster
        commands = webhooks_with(self.settings.database, stored.databases, self.commands)
        await asyncio.to_thread(delete, self.client, on_cluster, commands, {})
        await asyncio.to_thread(delete, self.client, on_cluster, stored.conditions, deleted)
        async with Offsets(self.settings) as offsets:
            if not await offsets.until_stored(self.topics, _SINK_SECONDS, raw=True):
                message = (
                    f"the sinks have not stored everything within {_SINK_SECONDS:g} s: see `status`, start what is"
                    " down, then forget again. Tasks and tokens are gone; rows that a sink has in hand may come back."
                )
                raise RawLogError(message)

    async def _stored(self, ids: list[int]) -> None:
        """Wait until the commands and their outcomes are stored, and so are the webhooks that came before them."""
        deadline = time.monotonic() + _WORKER_SECONDS
        parameters: dict[str, Any] = {"database": self.settings.database, "ids": ids}
        while int(str(await asyncio.to_thread(self.client.command, _STORED, parameters))) < len(ids):
            if time.monotonic() > deadline:
                message = (
                    f"worker and sink have not taken the command within {_WORKER_SECONDS:g} s: see `status`, start what"
                    " is down, then forget again. Tasks and tokens are gone, rows are still there."
                )
                raise RawLogError(message)
            await asyncio.sleep(_POLL_SECONDS)

    async def _until(self) -> dict[str, str]:
        topics = self.topics
        kept = (topics.raw, topics.facts, topics.outcomes, topics.scores, topics.dead_letters, topics.completions)
        journal = await read_journal(self.settings)
        async with clients.opened(clients.admin(self.settings.kafka_options())) as admin:
            others = other_logs(self.settings, known := await topic_partitions(admin))
            there = known.keys() & {*kept, topics.stuck}
            days = await days_kept(admin, there)
        until = dict.fromkeys(there - days.keys(), "its own retention ends, which Kafka does not tell this user")
        until |= {topic: last_day(datetime.now(UTC), number) for topic, number in days.items()}
        until |= dict.fromkeys(others, "you delete it with Kafka's tools, or its own retention has the last of it")
        # Its workers stand still, so they have not taken the command.
        for other in journal.generations:
            if other.number != self.settings.generation:
                old = topics.of_generation(other.number)
                how = "`replay drop` does it" if other.number == journal.target else "by the next replay that swaps"
                end = f"generation {other.number} is deleted ({how})"
                if other.by_settings:
                    end = f"`forget` is run again, with TELEMETRY_GENERATION={other.number} or after `raw switch`"
                until |= dict.fromkeys((old.changelog, old.telemetry, old.facts, old.outcomes, old.scores), end)
        return until


def last_day(now: datetime, days: int | None) -> str:
    """Until when a topic that keeps records for so many days has those of `now`; None: for ever."""
    # Kafka takes any number; a date ends with the year 9999.
    if days is None or days > MOST_DAYS:
        return "you delete it with Kafka's tools, for it keeps everything"
    return f"{now + timedelta(days=days):%Y-%m-%d}"
