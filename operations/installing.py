"""What `setup` and `up` make before anything runs: topics, tables, and what a generation is to know when it begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from operations.raw_log.carrying import carry_told
from operations.topics import setup_topics
from sinks.setup import setup_tables

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["set_up"]


async def set_up(settings: Settings) -> list[str]:
    """Create or upgrade all of it; one line for each change, none the second time.

    Raises TopicsError, RawTopicError, JournalError, and the errors of Kafka and ClickHouse.
    """
    done = await setup_topics(settings)
    done += await asyncio.to_thread(setup_tables, settings)
    return done + await carry_told(settings)
