"""Copies the raw topic, each record once, however often it is interrupted.

Every run of records is one transaction with the offset up to which the source was copied; a copier that is started
while another runs fences that one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.rawlog.errors import RawLogError
from deploy.rawlog.lane import Lane
from deploy.rawlog.progress import copy_group, restored_until
from deploy.rawlog.target import MARGIN, create_target, partition_count
from schemas.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings

__all__ = ["Copied", "copy_raw"]


@dataclass(slots=True)
class Copied:
    """How far a copy is: records that this run copied and left out, and offsets of the source still to come."""

    records: int = 0
    left_out: int = 0
    missing: int = 0


async def copy_raw(
    settings: Settings,
    target: str,
    partitions: int,
    *,
    keep: Callable[[Any], bool] = lambda _: True,
    what: str = "",
    progress: Callable[[Copied], None] = lambda _: None,
) -> Copied:
    """Copy everything that the raw topic holds now and that was not copied before; call it again for what came since.

    Args:
        settings: Name the source, `TELEMETRY_RAW_TOPIC`.
        target: The topic's whole name.
        partitions: Of the target; a multiple of the source's.
        keep: Whether a record is to be copied; the others are left out for good.
        what: What `keep` leaves out, as a text: a copy is finished with the same one that it was begun with.
        progress: Called after every transaction.

    Raises RawLogError where source and target do not fit, and aiokafka's KafkaError.
    """
    source = Topics.of(settings).raw
    group = copy_group(settings, target)
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        before, there = await partition_count(admin, source), await partition_count(admin, target)
        if not before or target == source or partitions % before or there not in {0, partitions}:
            message = (
                f"{source} has {before} partitions and {target} {there}: a copy has another name, and as many or a "
                "multiple of them (a student's new webhooks must follow the old ones)."
            )
            raise RawLogError(message)
        places = [TopicPartition(source, number) for number in range(before)]
        found = await admin.list_consumer_group_offsets(group, partitions=places)
        restored = await restored_until(settings, admin, target)
    finally:
        await admin.close()
    # Every partition has its note before the first record is copied.
    begun = there and all(found[tp].offset >= 0 for tp in places)
    done = Copied()
    lanes = [
        Lane(settings, tp, target, (before, partitions), group=group, keep=keep, restored=restored.offsets)
        for tp in places
    ]
    try:
        for lane in lanes:
            await lane.start(found[lane.source] if begun else None)
        if not begun:
            if not restored.offsets:
                await create_target(settings, target, partitions, {lane.source.partition: lane.end for lane in lanes})
            for lane in lanes:
                end, without = restored.noted(lane.source.partition) or (lane.end, what)
                note = {"end": end, "without": without, "restored": bool(restored.offsets)}
                await lane.begin(orjson.dumps(note).decode())
        for lane in lanes:
            _check(lane, target, what, restored=bool(restored.offsets))
            done.missing += lane.missing

        async def copy(lane: Lane) -> None:
            while (missing := lane.missing) > 0:
                copied, left_out = await lane.copy_some()
                done.records += copied
                done.left_out += left_out
                done.missing += lane.missing - missing
                progress(done)

        await asyncio.gather(*map(copy, lanes))
    finally:
        for lane in lanes:
            await lane.stop()
    return done


def _check(lane: Lane, target: str, what: str, *, restored: bool) -> None:
    """Hold a lane to what was noted when the copy was begun."""
    noted = orjson.loads(lane.note)
    if noted["without"] != what:
        message = f"{target} was begun as a copy that leaves out {noted['without'] or 'nothing'}; choose another name."
        raise RawLogError(message)
    if noted.get("restored") and not restored:
        message = f"Kafka no longer knows what an archive has brought into {target}; choose another name."
        raise RawLogError(message)
    if lane.end > noted["end"] + MARGIN:
        message = f"{lane.source.topic} has grown too much since {target} was begun; delete {target} and begin anew."
        raise RawLogError(message)
