"""What `setup` and `up` make before anything runs: topics, tables, and what a generation is to know when it begins."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from operations.clickhouse import check_cluster, connected
from operations.raw_log.carrying import carry_told
from operations.table_setup import setup_tables
from operations.topics import setup_topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["set_up"]


async def set_up(settings: Settings) -> list[str]:
    """Create or upgrade all of it; one line for each change, none the second time.

    Raises ConfigurationError for a cluster that does not fit, TopicsError, RawTopicError, JournalError, and the errors
    of Kafka and ClickHouse.
    """
    if settings.clickhouse_cluster:
        await asyncio.to_thread(_look_at_cluster, settings)
    done = await setup_topics(settings)
    done += await asyncio.to_thread(setup_tables, settings)
    return done + await carry_told(settings)


def _look_at_cluster(settings: Settings) -> None:
    # The public database need not be there yet.
    with contextlib.closing(connected(settings.model_copy(update={"database": ""}))) as client:
        check_cluster(client, settings.clickhouse_cluster)
