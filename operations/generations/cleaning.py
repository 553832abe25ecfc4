"""Deleting a generation: its groups, topics, tables and files."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from aiokafka.errors import for_code

from operations.generations.offsets import Offsets, derived_topics
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.templates import Installation

if TYPE_CHECKING:
    from pathlib import Path

    from operations.generations.journal import JournalWriter
    from schemas.settings import Settings

__all__ = ["clean_surplus", "delete_generation", "replay_directory"]

_UNKNOWN: Final = frozenset({3, 69})  # UNKNOWN_TOPIC_OR_PARTITION, GROUP_ID_NOT_FOUND
_NON_EMPTY: Final = 68
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.5


def replay_directory(settings: Settings, generation: int) -> Path:
    """Where the processes of a generation's replay keep their state and their log."""
    return settings.data.absolute() / "replay" / f"g{generation}"


async def delete_generation(settings: Settings, generation: int) -> None:
    """Delete whatever there is of a generation; raises aiokafka's KafkaError and ClickHouse's errors.

    Its workers and sinks must have ended: members of its groups are waited for.
    """
    topics = Topics.of(settings).of_generation(generation)
    async with Offsets(settings) as offsets:
        for group in (topics.application, topics.sinks):
            await _delete_group(offsets, group)
        there = set(await offsets.admin.list_topics())
        doomed = [name for name in (*derived_topics(topics), topics.changelog) if name in there]
        if doomed:
            answer = await offsets.admin.delete_topics(doomed)
            for _, code, *_ in answer.topic_error_codes:
                if code and code not in _UNKNOWN:
                    raise for_code(code)
    await asyncio.to_thread(_drop_database, settings, generation)
    await asyncio.to_thread(shutil.rmtree, replay_directory(settings, generation), ignore_errors=True)


async def _delete_group(offsets: Offsets, group: str) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            code = await offsets.delete_group(group)
            if not code or code in _UNKNOWN:
                return
            if code != _NON_EMPTY:
                raise for_code(code)
            await asyncio.sleep(_PAUSE_SECONDS)


def _drop_database(settings: Settings, generation: int) -> None:
    installation = Installation.of(settings.model_copy(update={"generation": generation}))
    client = connect(settings)
    with contextlib.closing(client):
        client.command(f"DROP DATABASE IF EXISTS {installation.derived} {installation.on_cluster} SYNC")


async def clean_surplus(settings: Settings, writer: JournalWriter) -> list[int]:
    """Delete the generations that are neither live nor kept to go back to; which they were."""
    surplus = writer.journal.surplus
    for number in surplus:
        await delete_generation(settings, number)
        await writer.write(writer.journal.without(number))
    return list(surplus)
