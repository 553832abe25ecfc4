"""Partitions that somebody has added to the raw topic with Kafka's tools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from broker.partitioning import partition_of
from operations.topics import await_leaders
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

ADDED = 2


def document(student: int, telemetry: str) -> bytes:
    """A document with one compilation."""
    compilation = {"started_at": 1_772_438_405_000, "exit_code": 0}
    step = {"slug": "00", "position": 0, "opened_at": 1_772_438_400_000, "compilations": [compilation]}
    whole = {"telemetry_id": telemetry, "user_id": student, "slug": "lists", "steps": [step]}
    return orjson.dumps(whole | {"tutorial_started_at": 1_772_438_400_000, "workout_session": []})


def lag() -> int:
    """What is behind, in all."""
    return sum(one["lag"] for one in orjson.loads(command("status", "--json").out)["lag"])


@pytest.fixture
def grown(installed: Settings) -> Settings:
    """An installation whose raw topic has a partition more than everything else."""

    async def grow() -> None:
        admin = AIOKafkaAdminClient(**installed.kafka_options())
        await admin.start()
        try:
            await admin.create_partitions({Topics.of(installed).raw: NewPartitions(ADDED + 1)})
            await await_leaders(admin, [Topics.of(installed).raw], ADDED + 1)
        finally:
            await admin.close()

    asyncio.run(grow())
    return installed


def test_what_is_written_there_is_moved_once(
    grown: Settings, start_part: Callable[..., Child], clickhouse: Client
) -> None:
    """The worker works on, and a webhook of such a partition is processed where its student is, under its own id."""
    topics = Topics.of(grown)
    headers = encode_headers(RawHeaders(academy=4))
    records = [(ADDED, b"7", document(7, "one"), headers), (ADDED, b"8", document(8, "two"), headers)]
    asyncio.run(produce(grown.kafka, topics.raw, records))
    start_part("sink")
    worker = start_part("worker")
    query = f"SELECT id, student_id, verdict FROM {grown.database}.webhooks ORDER BY id"
    first, second = (ADDED << 40 | offset for offset in range(2))

    done = [(first, 7, "stored"), (second, 8, "stored")]
    eventually(lambda: clickhouse.query(query).result_rows == done, 90, "both webhooks")
    worker.terminate()
    start_part("worker")
    asyncio.run(produce(grown.kafka, topics.raw, [(ADDED, b"7", document(7, "three"), headers)]))
    query = f"SELECT count(), uniqExact(id) FROM {grown.database}.webhooks WHERE status = 'DONE'"
    eventually(lambda: clickhouse.query(query).result_rows == [(3, 3)], 90, "the third")

    written = asyncio.run(read_all(grown.kafka, topics.raw, 2))
    assert sorted(int(dict(record.headers)["retry-of"]) for part in written for record in part) == [
        first,
        second,
        second + 1,
    ]
    whole = orjson.loads(command("status", "--json").out)
    assert whole["parts"]["worker"] == whole["parts"]["kafka"] == "ok"
    assert whole["notes"][0].startswith(f"{topics.raw} has 3 partitions, of which 2 are used")
    eventually(lambda: not lag(), 60, "no lag")
    copied = command("raw", "copy", "webhooks.raw.4", "--partitions", "4")
    assert (copied.code, copied.out.splitlines()[0]) == (0, "3 records copied, 0 left out.")


def test_setup_and_doctor_do_not_send_each_other_in_circles(grown: Settings) -> None:
    """`setup` has nothing to do, `doctor` warns and says what leads to more partitions, a copy waits for the worker."""
    raw = Topics.of(grown).raw

    assert command("setup").out == "Everything is up to date.\n"
    findings = orjson.loads(command("doctor", "--json").out)
    (topics,) = (one for one in findings if (one["part"], one["check"]) == ("kafka", "topics"))
    assert topics["state"] == "warning"
    assert "raw copy webhooks.raw.2 --partitions 4" in topics["mend"]
    asyncio.run(produce(grown.kafka, raw, [(ADDED, b"7", b"{}", [])]))
    refused = command("raw", "copy", "webhooks.raw.4", "--partitions", "4")
    assert refused.code == 1
    assert "let a worker move them" in refused.complaint


def test_a_gateway_writes_where_it_wrote_before(grown: Settings, start_part: Callable[..., Child]) -> None:
    """A student's webhooks go on into the partition of the earlier ones."""
    start_part("gateway", AUTH="open")
    students = [student for student in range(100, 160) if partition_of(b"%d" % student, ADDED + 1) == ADDED][:5]

    for student in students:
        url = f"{grown.gateway_url}/v1/assignment/me/telemetry?asset_id=1"
        answer = httpx.post(url, content=document(student, f"run-{student}"), timeout=30, verify=PLAIN)
        assert answer.text == "ok"

    written = asyncio.run(read_all(grown.kafka, Topics.of(grown).raw, ADDED + 1))
    assert [len(part) for part in written][ADDED] == 0
    assert sorted(record.key for part in written for record in part) == [b"%d" % student for student in students]
