"""Checks of Kafka: reachable, new enough, topics as `setup` makes them, and what this user may do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from broker import clients
from broker.committed import committed
from broker.partitioning import topic_partitions
from broker.refusals import MAY_NOT, refusal
from operations.absence import absence
from operations.doctor.findings import failed, good, unreachable, warning
from operations.generations.journal import named_beside_live, read_journal
from operations.generations.raw_topic import wrong_raw_topic
from operations.retention import as_topics_keep
from operations.topic_fit import misfits
from operations.topics import differing_configs
from schemas.errors import text_of
from schemas.wire.formats import NewerFormatError
from schemas.wire.generations import JournalError
from schemas.wire.topics import Topics
from streams.offsets import Checkpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from aiokafka.admin import AIOKafkaAdminClient

    from operations.doctor.findings import Finding
    from schemas.settings import Settings
    from schemas.wire.topics import TopicSpec

__all__ = ["check_kafka", "reach_kafka"]

_PART: Final = "kafka"
_TIMEOUT_SECONDS: Final = 15.0
_SETUP: Final = "Run: learnpack-telemetry setup"
_LEAST: Final = "3.6"
# A configuration that topics need, under its broker's name; older brokers do not know it.
_YOUNGEST: Final = "log.message.timestamp.after.max.ms"
# The requests whose newest version tells that the broker knows ids of topics and transactions.
_METADATA: Final = (3, 12)
_BEGIN: Final = (22, 0)


async def check_kafka(settings: Settings) -> AsyncIterator[Finding]:
    """Check one thing after another; ends at the first that all others need."""
    reached = await reach_kafka(settings)
    yield reached
    if reached.state != "failed":
        for check, look in (("version", _version), ("topics", _topics), ("groups", _groups), ("writing", _writing)):
            finding = await _guarded(check, look, settings)
            yield finding
            if finding.state == "failed":
                return


async def reach_kafka(settings: Settings) -> Finding:
    """Whether brokers let this user in, and are new enough to be asked for more."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            brokers, spoken = await _versions(settings)
    except (KafkaError, OSError, TimeoutError) as error:
        why = await refusal(settings.kafka_options()) or error
        away = absence(why, settings.kafka, "TELEMETRY_KAFKA and TELEMETRY_KAFKA_SECURITY_*")
        mend = "Correct TELEMETRY_KAFKA and TELEMETRY_KAFKA_SECURITY_*, or look into the broker's log."
        return unreachable(_PART, away, f"{settings.kafka} fails: {text_of(error)}", mend)
    if any(spoken.get(request, -1) < least for request, least in (_METADATA, _BEGIN)):
        return failed(_PART, "version", f"the broker is older than {_LEAST}", f"Upgrade it to {_LEAST} or newer.")
    return good(_PART, "reachable", f"{brokers} broker{'s' * (brokers != 1)} at {settings.kafka}")


async def _guarded(check: str, look: Callable[[Settings], Coroutine[Any, Any, Finding]], settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await look(settings)
    except TimeoutError:
        mend = "Look into the broker's log: it answers some requests and not this one."
        return failed(_PART, check, f"no answer within {_TIMEOUT_SECONDS:g} s", mend)
    except (KafkaError, OSError) as error:
        prefix = settings.topic_prefix
        if isinstance(error, MAY_NOT):
            mend = "Ask with --part which right a part's user lacks; `acls` prints them all, of operators too."
            return failed(_PART, check, f"this user may not: {error}", mend)
        mend = f"Grant this user the topics, groups and transactional ids that begin with {prefix!r}."
        return failed(_PART, check, f"{type(error).__name__}: {error}", mend)


async def _versions(settings: Settings) -> tuple[int, dict[int, int]]:
    client = clients.requester(settings.kafka_options())
    try:
        await client.bootstrap()
        answer = await client.send(client.get_random_node(), ApiVersionRequest())
        return len(client.cluster.brokers()), {request: newest for request, _, newest in answer.api_versions}
    finally:
        await client.close()


async def _topics(settings: Settings) -> Finding:
    beside = None
    with contextlib.suppress(JournalError):
        journal = await read_journal(settings)
        if wrong := wrong_raw_topic(settings, journal):
            return failed(_PART, "topics", wrong.detail, f"{wrong.mend}.")
        beside = named_beside_live(settings, journal)
    found = await _made_topics(settings)
    if beside is not None and found.state != "failed":
        detail, mend = beside
        return warning(_PART, "topics", detail, f"{mend}.")
    return found


async def _made_topics(settings: Settings) -> Finding:
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        known = await topic_partitions(admin)
        specs = Topics.of(settings).specs(await as_topics_keep(settings, admin, known))
        unfit = list(misfits(settings, known))
        missing = [misfit.topic for misfit in unfit if misfit.missing]
        for misfit in unfit:
            if not misfit.missing and not misfit.harmless:
                return failed(_PART, "topics", f"{misfit.topic} {misfit.detail}", f"{misfit.mend}.")
        if missing:
            return failed(_PART, "topics", f"{len(missing)} are missing, {missing[0]} among them", _SETUP)
        for spec in specs:
            if wrong := await differing_configs(admin, spec):
                name, value = next(iter(wrong.items()))
                return failed(_PART, "topics", f"{spec.name} has not {name}={value}", _SETUP)
        if lacking := await _lacking_copies(admin, specs):
            mend = "Add copies with Kafka's tools (kafka-reassign-partitions), then run: learnpack-telemetry setup"
            return warning(_PART, "topics", lacking, mend)
        if unfit:
            return warning(_PART, "topics", f"{unfit[0].topic} {unfit[0].detail}", f"{unfit[0].mend}.")
    return good(_PART, "topics", f"{len(specs)} as they should be")


async def _lacking_copies(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> str:
    """The first topic with fewer copies than the settings say, and how many; empty if there is none."""
    for entry in await admin.describe_topics([spec.name for spec in specs]):
        copies = min(len(partition["replicas"]) for partition in entry["partitions"])
        if copies < specs[0].replication:
            return f"{entry['topic']} has {copies} of {specs[0].replication} copies"
    return ""


async def _version(settings: Settings) -> Finding:
    """Whether the broker knows the youngest configuration that topics need."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        node = admin._client.get_random_node()  # noqa: SLF001 - aiokafka offers no method for it
        asked = ConfigResource(ConfigResourceType.BROKER, str(node), {_YOUNGEST: ""})
        answers = await admin.describe_configs([asked])
    resources = [resource for answer in answers for resource in answer.resources]
    if any(resource[0] for resource in resources):
        return good(_PART, "version", f"has transactions and ids of topics; whether it is {_LEAST} may not be asked")
    if not any(resource[4] for resource in resources):
        return failed(_PART, "version", f"the broker is older than {_LEAST}", f"Upgrade it to {_LEAST} or newer.")
    return good(_PART, "version", f"{_LEAST} or newer")


async def _groups(settings: Settings) -> Finding:
    topics = Topics.of(settings)
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        sources = [TopicPartition(topics.raw, number) for number in range(settings.partitions)]
        kept = await committed(admin, topics.application, sources)
    try:
        for at in kept.values():
            Checkpoint.of(at)
    except NewerFormatError as error:
        return failed(_PART, "groups", *error.parts)
    return good(_PART, "groups", f"offsets of {topics.application} can be read")


async def _writing(settings: Settings) -> Finding:
    """Write a record in a transaction that is taken back: committed readers never see it."""
    topics = Topics.of(settings)
    async with clients.opened(
        clients.producer(settings.kafka_options(), transactional_id=f"{topics.prefix}doctor")
    ) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topics.generations, b"doctor", b"doctor")
        await producer.abort_transaction()
    return good(_PART, "writing", "a transaction was begun, written and taken back")
