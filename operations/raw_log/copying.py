"""Copies the raw topic, each record once, however often it is interrupted.

Every run of records is one transaction with the offset up to which the source was copied; a copier that is started
while another runs fences that one.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka import TopicPartition

from broker import clients
from broker.committed import committed, committed_before
from broker.partitioning import topic_partitions
from broker.waiting import behind
from operations.generations.journal import read_journal
from operations.raw_log.errors import RawLogError, fenced, name_taken, other_partitions, other_students
from operations.raw_log.imported import read_note
from operations.raw_log.partition_copy import PartitionCopy
from operations.raw_log.progress import restored_until
from operations.raw_log.seam import log_ends
from operations.raw_log.target import MARGIN, create_target
from operations.topic_fit import used_partitions
from operations.wording import counted
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.structs import OffsetAndMetadata

    from operations.raw_log.imported import ImportNote
    from operations.raw_log.progress import Restored
    from schemas.settings import Settings

__all__ = ["Copied", "copy_raw"]


_ASK_SECONDS: Final = 10.0


@dataclass(slots=True)
class Copied:
    """How far a copy is: records that this run copied and left out, and offsets of the source still to come.

    Before the first record `filled` of `to_fill` offsets of the target are.
    """

    records: int = 0
    left_out: int = 0
    missing: int = 0
    filled: int = 0
    to_fill: int = 0


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
        progress: Called while offsets are filled, once it is known how many there are, and after every transaction.

    Raises RawLogError where source and target do not fit, and aiokafka's KafkaError.
    """
    with fenced(target):
        plan = await _planned(settings, target, partitions)
        copies = [
            PartitionCopy(
                settings,
                source,
                target,
                (len(plan.sources), partitions),
                group=Topics.of(settings).copies_into(target),
                keep=keep,
                restored=plan.restored.offsets,
                behind=plan.history is not None,
            )
            for source in plan.sources
        ]
        done = Copied()

        def filled(so_far: int, of: int) -> None:
            done.filled, done.to_fill = so_far, of
            progress(done)

        # However one of them ends, the others are stopped, too.
        async with contextlib.AsyncExitStack() as started:
            for copy in copies:
                started.push_async_callback(copy.stop)
                await copy.start()
            # Asked only now: an earlier run, alive or killed while it committed, changes nothing of it any more.
            if begun := await _begun(settings, plan, target):
                for copy in copies:
                    copy.go_on(begun[copy.source])
            else:
                await _create(settings, plan, copies, target=target, partitions=partitions, filled=filled)
                await _begin(plan, copies, what)
            for copy in copies:
                _check(copy, target, what, plan)
                done.missing += copy.missing
            progress(done)
            await asyncio.gather(*(_copy_all(copy, done, progress) for copy in copies))
        return done


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known before anything is written.

    `sources` are the source's partitions, `ends_of_added` where those end that somebody has added to it, `restored` is
    what an archive has brought into the target, `history` tells of what was imported into it (None: nothing).
    """

    sources: list[TopicPartition]
    ends_of_added: dict[int, int]
    restored: Restored
    history: ImportNote | None
    is_target_there: bool


async def _planned(settings: Settings, target: str, partitions: int) -> _Plan:
    source = Topics.of(settings).raw
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        known = await topic_partitions(admin)
        before, there = used_partitions(settings, known), known.get(target, 0)
        if not before or target == source or partitions % before or there not in {0, partitions}:
            raise _misfit(source, before, target, there, partitions)
        return _Plan(
            sources=[TopicPartition(source, number) for number in range(before)],
            restored=await restored_until(settings, admin, target),
            history=await _imported(settings, admin, target),
            ends_of_added=await _ends_of_added(settings, admin, range(before, known[source])),
            is_target_there=there > 0,
        )


async def _imported(settings: Settings, admin: AIOKafkaAdminClient, target: str) -> ImportNote | None:
    """What was imported into the target to be before this log."""
    name = target.removeprefix(settings.topic_prefix)
    note = await read_note(settings.model_copy(update={"raw_topic": name}), admin)
    return None if note is None or note.end is None else note


def _misfit(source: str, before: int, target: str, there: int, partitions: int) -> RawLogError:
    if not before:
        return RawLogError(f"there is no topic {source} to copy; TELEMETRY_RAW_TOPIC names it.")
    if target == source:
        return name_taken(target, "it is the topic that is copied")
    if there not in {0, partitions}:
        return other_partitions(target, there, partitions)
    return RawLogError(
        f"{target} cannot have {counted(partitions, 'partition')}: {source} has {before}, and a copy has as many or a "
        "multiple of them (a student's new webhooks must follow the old ones)."
    )


async def _begun(settings: Settings, plan: _Plan, target: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """How far an earlier run came, by the source's partitions; empty if none began.

    Each has its note before the first record is copied. Notes of a topic that was deleted since tell of no copy.
    """
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        commits = await committed(admin, Topics.of(settings).copies_into(target), plan.sources)
    begun = plan.is_target_there and all(commit.offset >= 0 for commit in commits.values())
    return commits if begun else {}


async def _create(
    settings: Settings,
    plan: _Plan,
    copies: Sequence[PartitionCopy],
    *,
    target: str,
    partitions: int,
    filled: Callable[[int, int], None],
) -> None:
    """Create the target, unless an archive or an import has made it."""
    if plan.restored.offsets or plan.history is not None:
        return
    # What was moved from a partition that somebody has added keeps an id of that one.
    added = {number: end for number, end in plan.ends_of_added.items() if number < partitions}
    ends = added | {copy.source.partition: copy.end for copy in copies}
    await create_target(settings, target, partitions, ends, filled)


async def _begin(plan: _Plan, copies: Sequence[PartitionCopy], what: str) -> None:
    """Note for each partition what its copy begins with."""
    for copy in copies:
        end, without = plan.restored.noted(copy.source.partition) or (copy.end, what)
        if plan.history is not None and plan.history.end is not None:
            end = plan.history.end
        note = {"end": end, "without": without, "restored": bool(plan.restored.offsets)}
        note["behind"] = plan.history is not None
        await copy.begin(orjson.dumps(note).decode())


async def _copy_all(copy: PartitionCopy, done: Copied, progress: Callable[[Copied], None]) -> None:
    while (missing := copy.missing) > 0:
        copied, left_out = await copy.copy_some()
        done.records += copied
        done.left_out += left_out
        done.missing += copy.missing - missing
        progress(done)


async def _ends_of_added(settings: Settings, admin: AIOKafkaAdminClient, added: range) -> dict[int, int]:
    """Where partitions end that somebody has added to the source; raises RawLogError if a record waits in one."""
    if not added:
        return {}
    topics = Topics.of(settings).of_generation((await read_journal(settings)).live)
    sources = [TopicPartition(topics.raw, number) for number in added]
    positions = await committed_before(admin, topics.application, sources)
    if any((await behind(settings.kafka_options(), positions, _ASK_SECONDS)).values()):
        message = (
            f"webhooks wait in partitions that somebody has added to {topics.raw}: let a worker move them, as `status` "
            "shows, then run this again."
        )
        raise RawLogError(message)
    ends = await log_ends(settings, added.stop)
    return {number: ends[number] for number in added}


def _check(copy: PartitionCopy, target: str, what: str, plan: _Plan) -> None:
    """Hold a copy to what was noted when the copy was begun."""
    noted = orjson.loads(copy.note)
    if noted["without"] != what:
        raise other_students(target, first=noted["without"])
    if noted.get("restored") and not plan.restored.offsets:
        message = f"Kafka no longer knows what an archive has brought into {target}; choose another name."
        raise RawLogError(message)
    if noted.get("behind", False) != (plan.history is not None):
        message = f"Kafka no longer knows what history was imported into {target}; choose another name."
        raise RawLogError(message)
    if copy.end > noted["end"] + MARGIN:
        message = f"{copy.source.topic} has grown too much since {target} was begun; delete {target} and begin anew."
        raise RawLogError(message)
