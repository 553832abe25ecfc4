"""Records of a raw topic whose archive is made, and what its commands say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, produce, read_all

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.support.commands import Outcome

__all__ = ["END", "EVENING_MS", "HOUR_MS", "Record", "done", "exists", "put", "student", "whole", "yesterday"]

# 2026-11-10 23:00 UTC.
EVENING_MS = 1_794_351_600_000
HOUR_MS = 3_600_000
END = ("--until", "2026-12-31")

Record = tuple[int | None, bytes | None, bytes | None, Any]


def put(settings: Settings, records: list[Record], times: list[int]) -> None:
    """Send records with these timestamps."""
    asyncio.run(produce(settings.kafka, Topics.of(settings).raw, records, timestamps=times))


def student(number: int, text: str = "", partition: int | None = None) -> Record:
    """A webhook of a student."""
    value = orjson.dumps({"event": "open_step", "slug": f"a{text}", "user_id": number, "telemetry_id": f"t{number}"})
    return partition, str(number).encode(), value, encode_headers(RawHeaders(receipt=text or "r"))


def whole(settings: Settings) -> list[list[tuple[Any, ...]]]:
    """Every record of the raw topic by partition, with all that it has but its own place."""
    found = asyncio.run(read_all(settings.kafka, Topics.of(settings).raw, settings.partitions))
    return [
        [
            (one.key, one.value, one.timestamp, tuple(header for header in one.headers if header[0] != "id"))
            for one in part
        ]
        for part in found
    ]


def yesterday() -> str:
    """The last UTC day that is over."""
    return f"{datetime.now(UTC).date() - timedelta(days=1)}"


def done(outcome: Outcome) -> list[str]:
    """What a command said that went well."""
    assert outcome.code == 0, outcome.err
    return outcome.out.splitlines()


async def exists(settings: Settings, name: str) -> bool:
    """Whether there is a topic of this name."""
    async with admin(settings.kafka) as client:
        return f"{settings.topic_prefix}{name}" in await client.list_topics()
