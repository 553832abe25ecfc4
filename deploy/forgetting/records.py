"""A student's records in Kafka: tombstones for what is compacted, commands for what the worker keeps."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import aiokafka
import orjson

from deploy.reference import load_reference, publish_reference
from schemas.headers import RawHeaders, encode_headers
from schemas.staff import ForgetCommand, encode_command
from schemas.topics import Topics
from schemas.webhook import OFFSET_BITS, student_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.settings import Settings

__all__ = ["forget_references", "send_commands"]


async def forget_references(settings: Settings, student: str) -> dict[str, int]:
    """Write tombstones for the user, the tasks and the tokens; how many by topic. Raises aiokafka's KafkaError."""
    topics, reference = Topics.of(settings), await load_reference(settings)
    found = {
        topics.users: [key for key, _ in reference.records("users") if key == student.encode()],
        topics.tasks: [key for key, value in reference.records("tasks") if _user(value) == student],
        topics.tokens: [key for key, value in reference.records("tokens") if _user(value) == student],
    }
    for topic, keys in found.items():
        await publish_reference(settings, topic, [(key, None) for key in keys])
    return {topic: len(keys) for topic, keys in found.items()}


def _user(value: bytes) -> str:
    return str(orjson.loads(value).get("user_id"))


async def send_commands(settings: Settings, places: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> list[int]:
    """Tell the worker to forget actors in tutorials and runs; the commands' ids. Raises aiokafka's KafkaError."""
    producer = aiokafka.AIOKafkaProducer(
        **settings.kafka_options(), acks="all", enable_idempotence=True, max_request_size=settings.max_body_bytes
    )
    ids = []
    try:
        await producer.start()
        for actor, (slugs, runs) in places.items():
            command = ForgetCommand("student.forget", actor, list(slugs), list(runs))
            headers = encode_headers(RawHeaders(source="staff", receipt=str(uuid.uuid4())))
            sent = await producer.send_and_wait(
                Topics.of(settings).raw,
                encode_command(command),
                student_key({"user_id": actor}, None),
                headers=headers,
                timestamp_ms=time.time_ns() // 1_000_000,
            )
            ids.append(sent.partition << OFFSET_BITS | sent.offset)
    finally:
        await producer.stop()
    return ids
