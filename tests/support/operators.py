"""Webhooks that arrived an hour ago, for the operator's commands to find."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import orjson

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.settings import Settings

__all__ = ["ARRIVAL", "document", "send"]

# An hour ago, so that a time of arrival that is kept can be told from one that is not.
ARRIVAL = time.time_ns() // 1_000_000 - 3_600_000


def document(student: int, size: int = 0) -> bytes:
    """A document with one compilation and so many bytes of output."""
    compilation = {"started_at": 1_772_438_405_000, "exit_code": 0, "stdout": "x" * size}
    step = {"slug": "00", "position": 0, "opened_at": 1_772_438_400_000, "compilations": [compilation]}
    whole = {"telemetry_id": f"run-{student}", "user_id": student, "slug": "lists", "steps": [step]}
    return orjson.dumps(whole | {"tutorial_started_at": 1_772_438_400_000, "workout_session": []})


def send(place: Settings, values: Sequence[bytes], topic: str = "", partition: int = 0) -> None:
    """Append webhooks for academy 4, with receipts r0, r1…, to the raw topic, or bare records to another one."""
    headers = [[] if topic else encode_headers(RawHeaders(academy=4, receipt=f"r{at}")) for at in range(len(values))]
    records = [(partition, b"7", value, own) for value, own in zip(values, headers, strict=True)]
    asyncio.run(produce(place.kafka, topic or Topics.of(place).raw, records, timestamps=[ARRIVAL] * len(records)))
