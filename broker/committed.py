"""What consumer groups have committed, asked of the broker, and whether anybody works in them.

A coordinator that is loading, after a restart or a move, answers with an error for the whole group, which aiokafka
drops: then partitions are missing from its answer. Taken for "nothing committed" that would have everything read once
more, so it is asked again until it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import tenacity
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError

from broker import clients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.structs import OffsetAndMetadata

__all__ = [
    "all_committed_by_new_client",
    "committed",
    "committed_before",
    "committed_by_new_client",
    "committed_topics",
    "members",
    "settling",
]

# A broker that nobody has asked for a group yet makes the topic of groups first, and one that took groups over reads
# it: seconds in which it is not unwell.
_PATIENCE_SECONDS: Final = 30.0


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and error.retriable


# For who asks a coordinator that may load, or is not there yet: asks again, for half a minute.
settling: Final = tenacity.retry(
    retry=tenacity.retry_if_exception(_may_pass),
    wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=1),
    stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
    reraise=True,
)


@settling
async def committed(
    admin: AIOKafkaAdminClient, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What a group has committed for each of the partitions; an offset of -1 where nothing was.

    Raises aiokafka's KafkaError where the broker does not tell within 30 s.
    """
    return await _asked_once(admin, group, partitions)


@settling
async def committed_by_new_client(
    options: Mapping[str, Any], group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The same, for who has no administrator's client; each attempt connects anew. Raises as `committed`."""
    async with clients.opened(clients.admin(options)) as admin:
        return await _asked_once(admin, group, partitions)


async def _asked_once(
    admin: AIOKafkaAdminClient, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    wanted = list(partitions)
    if not wanted:
        return {}
    return _complete(await admin.list_consumer_group_offsets(group, partitions=wanted), group, wanted)


def _complete(
    offsets: dict[TopicPartition, OffsetAndMetadata], group: str, wanted: Sequence[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    if missing := [tp for tp in wanted if tp not in offsets]:
        message = f"the coordinator of group {group} does not answer for {missing[0].topic}[{missing[0].partition}] yet"
        raise CoordinatorNotAvailableError(message)
    return offsets


async def committed_before(
    admin: AIOKafkaAdminClient, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """The offsets alone, 0 where nothing was committed; raises as `committed`."""
    return {tp: max(0, at.offset) for tp, at in (await committed(admin, group, partitions)).items()}


async def _all_committed(
    admin: AIOKafkaAdminClient, group: str, some: TopicPartition
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Everything that a group has committed; `some` is any partition. Raises as `committed`."""
    # Of a partition that is asked for the answer says at least that nothing is known: so the coordinator has loaded.
    await committed(admin, group, [some])
    offsets: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
    return {source: at for source, at in offsets.items() if at.offset >= 0}


async def all_committed_by_new_client(
    options: Mapping[str, Any], group: str, some: TopicPartition
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The same, for who has no administrator's client. Raises as `committed`."""
    async with clients.opened(clients.admin(options)) as admin:
        return await _all_committed(admin, group, some)


async def committed_topics(admin: AIOKafkaAdminClient, group: str, some: TopicPartition) -> set[str]:
    """The topics of which a group has committed anything; `some` is any partition. Raises as `committed`."""
    return {source.topic for source in await _all_committed(admin, group, some)}


@settling
async def members(admin: AIOKafkaAdminClient, group: str) -> int:
    """Living members of a group; raises aiokafka's KafkaError where the broker does not tell within 30 s."""
    # One group a request: aiokafka 0.14 misreads an answer about several.
    answers = await admin.describe_consumer_groups([group])
    return sum(len(described[5]) for answer in answers for described in answer.groups)
