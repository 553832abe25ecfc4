"""Waits until what the log holds is wherever it is to be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from broker.waiting import behind
from schemas.wire.topics import Topics
from tests.chaos.kafka import committed
from tests.support.lags import lags_of
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["in_every_table"]

_SECONDS = 150
_ANSWER_SECONDS = 30.0


def in_every_table(settings: Settings) -> None:
    """Wait until workers have processed all that is in the log, and sinks have stored all that they told of it.

    Each table is filled apart from the others, so one that has its rows says nothing of the next. Daily figures follow
    in a beat of their own.
    """
    asyncio.run(_in_every_table(settings))


async def _in_every_table(settings: Settings) -> None:
    await aeventually(lambda: _is_processed(settings), _SECONDS, "the workers")
    async with lags_of(settings) as lag:

        async def is_stored() -> bool:
            return await lag() == 0

        await aeventually(is_stored, _SECONDS, "the sinks")


async def _is_processed(settings: Settings) -> bool:
    topics = Topics.of(settings)
    done = await committed(settings.kafka, topics.application, topics.raw, settings.partitions)
    positions = {TopicPartition(topics.raw, number): offset for number, offset in done.items()}
    return not any((await behind(settings.kafka_options(), positions, _ANSWER_SECONDS)).values())
