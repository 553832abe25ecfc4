"""Creates the Kafka topics and brings their configuration up to date."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidPartitionsError, for_code

from broker import clients
from broker.incremental_configs import set_topic_configs
from broker.partitioning import topic_partitions
from operations.generations.remembering import remember_raw_topic, require_worked_topic
from operations.pseudonyms import make_pseudonym_key
from operations.retention import as_topics_keep
from operations.topic_fit import misfits
from schemas.errors import OperatorError
from schemas.wire.topics import IN_SYNC, Topics, in_sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from schemas.wire.topics import TopicSpec

__all__ = ["TopicsError", "await_leaders", "differing_configs", "require_fitting", "setup_topics"]

_ALREADY_EXISTS: Final = 36
_CREATED: Final = "created topic {name}"
_LEADER_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05


class TopicsError(OperatorError):
    """A topic could not be created or does not fit; the text says which and what to do."""


async def setup_topics(settings: Settings) -> list[str]:
    """Create missing topics, update configurations, make the key of pseudonyms, note the raw topic; a line for each.

    Raises, before anything is done, NewerJournalError where a newer release has written the journal, RawTopicError
    where the generation is computed from another raw topic, and TopicsError where the raw topic was deleted (ids of
    webhooks are offsets in it), or where a topic has partitions that do not fit (see operations.topic_fit; partitions
    are never added: a student's records would move to another partition). Only the completions follow a raw topic that
    was copied into more partitions.
    """
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        known = await topic_partitions(admin)
        specs = Topics.of(settings).specs(await as_topics_keep(settings, admin, known))
        if Topics.of(settings).generations in known:
            await require_worked_topic(settings, admin, known)
        require_fitting(settings, known)
        missing = [spec for spec in specs if spec.name not in known]
        raw = Topics.of(settings).raw
        # The raw topic first and alone: where something derived is without it, it was deleted.
        done = await _create(admin, [spec for spec in missing if spec.name == raw])
        done += await _create(admin, [spec for spec in missing if spec.name != raw])
        # What was made just before by others is not in what Kafka told first.
        others = [spec for spec in specs if _CREATED.format(name=spec.name) not in done]
        await await_leaders(admin, [spec.name for spec in specs])
        completions = Topics.of(settings).completions
        if known.get(completions, settings.partitions) < settings.partitions:
            done += await _grow(admin, completions, settings.partitions)
        for spec in others:
            if differing := await differing_configs(admin, spec):
                await set_topic_configs(admin, spec.name, differing)
                done.append(f"configured topic {spec.name}: {', '.join(sorted(differing))}")
    if await make_pseudonym_key(settings):
        done.append("made the key of pseudonyms")
    return [*done, *await remember_raw_topic(settings)]


def require_fitting(settings: Settings, known: Mapping[str, int]) -> None:
    """Raise TopicsError for the first topic whose partitions do not fit; `known` has those that there are, by topic."""
    for misfit in misfits(settings, known):
        if not misfit.missing and not misfit.harmless:
            message = f"topic {misfit.topic} {misfit.detail}; {misfit.mend[0].lower()}{misfit.mend[1:]}"
            raise TopicsError(message)


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> list[str]:
    if not specs:
        return []
    topics = [NewTopic(spec.name, spec.partitions, spec.replication, topic_configs=spec.config) for spec in specs]
    response = await admin.create_topics(topics)
    done = []
    for name, code, *rest in response.topic_errors:
        if code and code != _ALREADY_EXISTS:
            message = f"topic {name} could not be created: {(rest and rest[0]) or for_code(code).__name__}"
            raise TopicsError(message)
        if not code:
            done.append(_CREATED.format(name=name))
    return done


async def await_leaders(admin: AIOKafkaAdminClient, names: list[str], partitions: int = 1) -> None:
    """Wait until each topic has at least that many partitions, and all of them a leader.

    Right after its creation a topic refuses records, and for a moment after it was grown Kafka tells of its old
    partitions only. Raises TopicsError if that takes half a minute.
    """
    try:
        async with asyncio.timeout(_LEADER_SECONDS):
            while not all(  # noqa: ASYNC110 - the broker is asked
                len(entry["partitions"]) >= partitions
                and all(partition["leader"] >= 0 for partition in entry["partitions"])
                for entry in await admin.describe_topics(names)
            ):
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        message = f"some topics have no leader after {_LEADER_SECONDS:g} s; check the brokers and their disks"
        raise TopicsError(message) from error


async def _grow(admin: AIOKafkaAdminClient, name: str, partitions: int) -> list[str]:
    """Add partitions to a topic that outlives copies of the raw topic and orders nothing."""
    try:
        await admin.create_partitions({name: NewPartitions(partitions)})
    except InvalidPartitionsError:
        # Another `setup` was first, of which the broker's answer did not tell yet.
        return []
    await await_leaders(admin, [name], partitions)
    return [f"topic {name} has {partitions} partitions"]


async def differing_configs(admin: AIOKafkaAdminClient, spec: TopicSpec) -> dict[str, str]:
    """What of a topic's configuration is to be set; what operators have set beside it, or more strictly, stays.

    Raises aiokafka's KafkaError.
    """
    asked = ConfigResource(ConfigResourceType.TOPIC, spec.name, spec.config)
    answers = await admin.describe_configs([asked])
    there = {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}
    wanted = dict(spec.config)
    if IN_SYNC in wanted:
        # More than there are copies, and nothing could be written any more.
        (described,) = await admin.describe_topics([spec.name])
        copies = min(len(partition["replicas"]) for partition in described["partitions"])
        least = max(int(there.get(IN_SYNC) or 1), int(in_sync(copies).get(IN_SYNC, 1)))
        wanted[IN_SYNC] = str(least)
    return {name: value for name, value in wanted.items() if there.get(name) != value}
