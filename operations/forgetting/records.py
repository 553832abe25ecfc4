"""A student's records in Kafka: tombstones for what is compacted, commands for what the worker keeps."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import orjson

from broker import clients
from operations.directory import load_reference, publish_reference
from schemas.coercion import as_id
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.place import place_at
from schemas.wire.pseudonyms import PREFIX
from schemas.wire.staff import ForgetCommand, encode_command
from schemas.wire.topics import Topics
from schemas.wire.webhook import ANONYMOUS, student_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import aiokafka

    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

# Pseudonyms, and runs whose telemetry_id is no name.
_HIDDEN = (PREFIX, f"{ANONYMOUS}~")

__all__ = ["directory_records", "forget_tasks_and_tokens", "forget_user", "send_commands"]


async def forget_tasks_and_tokens(settings: Settings, user: int | None) -> dict[str, int]:
    """Write tombstones for a user's tasks and tokens; how many by topic. Raises aiokafka's KafkaError."""
    topics, reference = Topics.of(settings), await load_reference(settings)
    keys_by_topic = {
        topics.tasks: _keys(reference.records("tasks"), user),
        topics.tokens: _keys(reference.records("tokens"), user),
    }
    return await _bury(settings, keys_by_topic)


def directory_records(reference: Reference, user: int | None) -> int:
    """How many records the directory has of a user: tasks, tokens, and the user."""
    keys = [key for kind in ("tasks", "tokens") for key in _keys(reference.records(kind), user)]
    return len(keys) + (user is not None and reference.has_user(user))


async def forget_user(settings: Settings, user: int | None) -> dict[str, int]:
    """Write a tombstone for a user's record, if there is one; how many by topic. Raises aiokafka's KafkaError."""
    reference = await load_reference(settings)
    keys = [b"%d" % user] if user is not None and reference.has_user(user) else []
    return await _bury(settings, {Topics.of(settings).users: keys})


async def _bury(settings: Settings, keys_by_topic: Mapping[str, Sequence[bytes]]) -> dict[str, int]:
    for topic, keys in keys_by_topic.items():
        await publish_reference(settings, topic, [(key, None) for key in keys])
    return {topic: len(keys) for topic, keys in keys_by_topic.items()}


def _keys(records: Iterable[tuple[bytes, bytes]], user: int | None) -> list[bytes]:
    return [key for key, value in records if user is not None and _user(value) == user]


def _user(value: bytes) -> int | None:
    return as_id(orjson.loads(value).get("user_id"))


async def send_commands(settings: Settings, progress: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> list[int]:
    """Tell the worker to forget actors in tutorials and runs; the commands' ids. Raises aiokafka's KafkaError."""
    ids, topic = [], Topics.of(settings).raw
    async with clients.opened(
        clients.producer(settings.kafka_options(), max_request_size=settings.max_body_bytes)
    ) as producer:
        for actor, (slugs, runs) in progress.items():
            command = ForgetCommand("student.forget", actor, list(slugs), list(runs))
            headers = encode_headers(RawHeaders(source="staff", receipt=str(uuid.uuid4())))
            for partition in await _homes(producer, topic, actor):
                sent = await producer.send_and_wait(
                    topic,
                    encode_command(command),
                    student_key({"user_id": actor}, None),
                    partition=partition,
                    headers=headers,
                    timestamp_ms=time.time_ns() // 1_000_000,
                )
                ids.append(place_at(sent.partition, sent.offset))
    return ids


async def _homes(producer: aiokafka.AIOKafkaProducer, topic: str, actor: str) -> list[int | None]:
    """Where an actor's state is: in the partition of its key, perhaps in any one if its webhooks call it otherwise."""
    return sorted(await producer.partitions_for(topic)) if actor.startswith(_HIDDEN) else [None]
