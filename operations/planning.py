"""What `setup` would do, found by asking the servers and changing nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from broker import clients
from broker.partitioning import topic_partitions
from operations.generations.journal import at_live, read_journal
from operations.generations.raw_topic import require_raw_topic, require_whole_copy
from operations.pseudonyms import lacks_pseudonym_key
from operations.raw_log.carrying import untold
from operations.retention import as_topics_keep
from operations.table_plan import plan_tables
from operations.topics import differing_configs, require_fitting
from operations.wording import counted
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings
    from schemas.wire.topics import TopicSpec

__all__ = ["plan_setup"]


async def plan_setup(settings: Settings) -> list[str]:
    """What `operations.installing.set_up` would do with these settings, a line each; none where all is up to date.

    Raises as it does, with what it would refuse to do.
    """
    topics = Topics.of(settings)
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        there = await topic_partitions(admin)
        journal = await read_journal(settings)
        require_raw_topic(settings, journal)
        require_whole_copy(settings, journal, there)
        require_fitting(settings, there)
        kept = await as_topics_keep(settings, admin, there)
        planned = await _of_topics(admin, topics.specs(kept), there)
    grown = there.get(topics.completions, settings.partitions)
    if grown < settings.partitions:
        planned.append(f"Give topic {topics.completions} {settings.partitions} partitions, of which it has {grown}")
    if await lacks_pseudonym_key(settings):
        planned.append("Make the key of pseudonyms")
    number = at_live(settings, journal).generation
    if journal.generation(number).raw is None:
        planned.append(f"Note in the journal that generation {number} is computed from {topics.raw}")
    planned += await asyncio.to_thread(plan_tables, settings)
    if topics.raw in there and topics.changelog in there and (found := await untold(settings)):
        planned.append(f"Let {found}".replace(" knows ", " know ", 1))
    return planned


async def _of_topics(admin: AIOKafkaAdminClient, specs: list[TopicSpec], there: Mapping[str, int]) -> list[str]:
    planned = [
        f"Create topic {spec.name}: {counted(spec.partitions, 'partition')}, replication {spec.replication}"
        for spec in specs
        if spec.name not in there
    ]
    for spec in specs:
        if spec.name in there and (differing := await differing_configs(admin, spec)):
            wanted = ", ".join(f"{name}={value}" for name, value in sorted(differing.items()))
            planned.append(f"Configure topic {spec.name}: {wanted}")
    return planned
