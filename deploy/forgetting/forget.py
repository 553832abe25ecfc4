"""`forget`: the steps in their order, each of which may be repeated.

1. Tombstones for user, tasks and tokens. 2. Commands, with which the worker drops its state and takes the documents
back. 3. Once those are through, rows are deleted until sinks bring none any more. 4. Daily figures are computed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from deploy.forgetting.records import forget_references, send_commands
from deploy.forgetting.rows import StudentRows
from deploy.generations import live_settings
from deploy.rawlog.errors import RawLogError
from schemas.topics import Topics
from schemas.webhook import normal_user_id
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_all
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings

__all__ = ["Forgotten", "forget"]

_WORKER_SECONDS: Final = 60.0
# Longer than a sink gathers a block.
_QUIET_SECONDS: Final = 4.0
_POLL_SECONDS: Final = 0.5

_STORED: Final = """
SELECT uniqExact(id) FROM {database:Identifier}.raw
WHERE id IN {ids:Array(UInt64)} AND id IN (SELECT id FROM {database:Identifier}.webhooks)
"""


@dataclass(slots=True)
class Forgotten:
    """What was removed, and what Kafka still holds.

    `tombstones` are by topic (gone from disk when the broker compacts), `rows` by table (gone from disk now), `actors`
    those who were forgotten, `until` topics that are never rewritten, with the day on which retention has the last of
    it.
    """

    actors: list[str] = field(default_factory=list)
    tombstones: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)


async def forget(settings: Settings, user: str, say: Callable[[str], None] = lambda _: None) -> Forgotten:
    """Erase a student; safe to repeat.

    Raises RawLogError if no worker or sink takes part within a minute, and the errors of Kafka and ClickHouse.
    """
    student = normal_user_id(user) or user
    settings = await live_settings(settings)
    client = connect(settings)
    with contextlib.closing(client):
        rows = StudentRows(
            client, settings.database, Installation.of(settings).on_cluster, student, Topics.of(settings).raw
        )
        rows.look()
        say(f"{len(rows.actors)} actors in {len(rows.databases)} generations")
        done = Forgotten(rows.actors)
        done.tombstones = await forget_references(settings, student)
        places = {actor: rows.places(actor) for actor in rows.actors}
        ids = await send_commands(settings, places)
        topics = Topics.of(settings)
        documents = sum(len(slugs) for slugs, _ in places.values())
        done.tombstones |= {topics.telemetry: documents, topics.changelog: documents + len(places)}
        say("waiting for the worker")
        await _stored(client, settings, ids)
        say("deleting rows")
        quiet = time.monotonic() + _QUIET_SECONDS
        while time.monotonic() < quiet:
            if rows.delete():
                quiet = time.monotonic() + _QUIET_SECONDS
            await asyncio.sleep(_POLL_SECONDS)
        for database in rows.databases:
            own = settings.model_copy(update={"generation": int(database.rpartition("_g")[2])})
            refresh_all(client, Installation.of(own))
        done.rows = rows.deleted
    done.until = _until(settings)
    return done


async def _stored(client: Any, settings: Settings, ids: list[int]) -> None:
    """Wait until the commands and their outcomes are stored, and so are the webhooks that came before them."""
    deadline = time.monotonic() + _WORKER_SECONDS
    own = {"database": settings.database, "ids": ids}
    while int(str(client.command(_STORED, parameters=own))) < len(ids):
        if time.monotonic() > deadline:
            message = (
                f"worker and sink have not taken the command within {_WORKER_SECONDS:g} s: see `status`, start what is "
                "down, then forget again. References are gone, rows are still there."
            )
            raise RawLogError(message)
        await asyncio.sleep(_POLL_SECONDS)


def _until(settings: Settings) -> dict[str, str]:
    topics = Topics.of(settings)
    last = datetime.now(UTC) + timedelta(days=settings.raw_retention_days)
    kept = (topics.raw, topics.facts, topics.outcomes, topics.scores, topics.dead_letters, topics.completions)
    return dict.fromkeys(kept, f"{last:%Y-%m-%d}")
