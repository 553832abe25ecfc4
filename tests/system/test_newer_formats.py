"""What an older release does with what a newer one has written: nothing, and it says so."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from schemas.wire.generations import JOURNAL_KEY
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, produce, read_all
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system

NEWER_JOURNAL = b'{"format":2,"release":"0.9.0","live":1,"last":1,"step":"idle","generations":[{"number":1}]}'


async def commit(settings: Settings, group: str, topic: str, metadata: str) -> None:
    """Commit an offset as a process of a newer release would have done before it ended."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        source = TopicPartition(topic, 1)
        consumer.assign([source])
        await consumer.commit({source: OffsetAndMetadata(0, metadata)})
    finally:
        await consumer.stop()


async def generations_of(settings: Settings, group: str) -> str:
    """The state of a consumer group, which says whether anybody has ever joined it."""
    async with admin(settings.kafka) as client:
        (answer,) = await client.describe_consumer_groups([group])
    return str(answer.groups[0][2])


def ended(child: Child) -> tuple[int, str]:
    """The exit code and the last words of a part that is to end by itself."""
    eventually(lambda: child.process.poll() is not None, 120, "the part's end")
    return int(child.process.returncode), child.output


@pytest.mark.parametrize(
    ("part", "group", "topic", "metadata", "says"),
    [
        (
            "worker",
            "application",
            "raw",
            '{"format": 2, "release": "0.9.0"}',
            "the workers' state: written in format 2",
        ),
        ("sink", "sinks", "facts", "2;anything", "the offsets that sinks have committed: written in format 2"),
        ("sink", "raw_sinks", "raw", "2;anything", "the offsets that sinks have committed: written in format 2"),
    ],
)
def test_a_part_does_not_go_on_from_a_newer_releases_offsets(  # noqa: PLR0917 - one row of the table
    installed: Settings, processes: Processes, part: str, group: str, topic: str, metadata: str, says: str
) -> None:
    """It ends with the reason before it joins the group, whose partitions newer parts may have."""
    topics = Topics.of(installed)
    asyncio.run(commit(installed, getattr(topics, group), getattr(topics, topic), metadata))
    before = asyncio.run(generations_of(installed, getattr(topics, group)))

    code, output = ended(processes.start([sys.executable, "-m", "deploy.cli", part]))

    assert (code, says in output) == (1, True), output
    assert "docs/upgrades.md" in output
    assert "partitions assigned" not in [line for line in output.splitlines() if getattr(topics, group) in line]
    assert asyncio.run(generations_of(installed, getattr(topics, group))) == before == "Empty"


def test_under_a_newer_journal_nothing_is_begun_and_parts_end(
    installed: Settings, start_part: Callable[..., Child]
) -> None:
    """Which generation is live only that release knows; commands, `setup` and its plan say so, too."""
    worker, sink = start_part("worker"), start_part("sink")
    asyncio.run(produce(installed.kafka, Topics.of(installed).generations, [(0, JOURNAL_KEY, NEWER_JOURNAL, [])]))

    for child in (worker, sink):
        code, output = ended(child)
        assert code == 1, output
        assert "the journal of generations: written in format 2" in output
    for refused in (("setup",), ("setup", "--plan"), ("replay", "status"), ("status",), ("doctor",)):
        outcome = command(*refused)
        assert outcome.code == 1, refused
        assert "written in format 2" in outcome.out + outcome.err, refused
        assert "Use release 0.9.0" in outcome.out + outcome.err, refused


def test_an_older_release_computes_anew_what_it_cannot_read(
    installed: Settings, start_part: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation that nobody has begun is computed from the log, as docs/upgrades.md says."""
    topics = Topics.of(installed)
    body = (
        b'{"slug": "lists", "user_id": 7, "telemetry_id": "run", "steps": [{"slug": "00", "opened_at": 1772438400000}]}'
    )
    asyncio.run(produce(installed.kafka, topics.raw, [(1, b"7", body, [("source", b"learnpack")])]))
    asyncio.run(commit(installed, topics.application, topics.raw, '{"format": 2}'))
    monkeypatch.setenv("TELEMETRY_GENERATION", "2")

    assert command("setup").code == 0
    start_part("worker")

    def told() -> bool:
        facts = asyncio.run(read_all(installed.kafka, topics.of_generation(2).facts, installed.partitions))
        return any(b"open_step" in record.value for records in facts for record in records)

    eventually(told, 60, "the facts of the new generation")
