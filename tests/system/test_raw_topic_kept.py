"""After `raw switch` nothing works with the raw topic that was left."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from deploy.local.resources import LOOPBACK, free_port
from deploy.run.system import LocalSystem
from operations.generations.journal import read_journal
from operations.generations.mandates import live_mandate
from operations.generations.raw_topic import RawTopicError, check_raw_topic
from operations.generations.remembering import remember_raw_topic
from operations.topics import await_leaders, setup_topics
from schemas.settings import PREFIX, load_settings
from schemas.wire.generations import JOURNAL_KEY, Journal
from schemas.wire.generations import Generation as Generation_
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, create_topics, produce
from tests.support.commands import as_environment, command
from tests.support.door import opened
from tests.support.generations import Generation
from tests.support.raw_log import MARGIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.run.supervisor import Part
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
def switched(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Generation 2 is live, computed from a copy; the environment still names the first topic."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    own = settings(partitions=2)
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    Generation(own, processes, tmp_path).setup()
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"7", b'{"user_id": 7, "slug": "a"}', [])]))
    assert command("raw", "copy", "webhooks.raw.2").code == 0
    second = Generation(
        own.model_copy(update={"raw_topic": "webhooks.raw.2", "generation": 2}), processes, tmp_path / "second"
    )
    second.directory.mkdir()
    with monkeypatch.context() as patch:
        for name, value in second.environment.items():
            patch.setenv(name, value)
        second.setup()
        second.start()
        # A gateway that has spooled brings one more into the old log.
        asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"8", b'{"user_id": 8, "slug": "a"}', [])]))
        refused = command("raw", "switch")
        assert (refused.code, "raw copy webhooks.raw.2 --partitions 2` once more" in refused.complaint) == (1, True)
        with pytest.MonkeyPatch.context() as before:
            before.setenv("TELEMETRY_RAW_TOPIC", "webhooks.raw")
            before.setenv("TELEMETRY_GENERATION", "1")
            assert command("raw", "copy", "webhooks.raw.2").out.startswith("1 record copied")
            wanted = (
                f"nothing was switched: for generation 2, computed from {Topics.of(own).raw}.2, set "
                "TELEMETRY_RAW_TOPIC=webhooks.raw.2 TELEMETRY_PARTITIONS=2 TELEMETRY_GENERATION=2 first."
            )
            assert command("raw", "switch").complaint == f"error: generation 1 is live already, {wanted}"
            before.delenv("TELEMETRY_GENERATION")
            assert command("raw", "switch").complaint == f"error: no generation is named, {wanted}"
        eventually(lambda: command("raw", "switch").code == 0, 60, "the switch")
        assert command("raw", "switch").out.startswith("Generation 2 was live already, from ")
        second.stop()
    assert asyncio.run(read_journal(own)).generation(2).raw == "webhooks.raw.2"
    return own


def journal_of_a_copy(own: Settings) -> None:
    """Topics whose journal says that generation 2 is live, of another raw topic."""
    asyncio.run(setup_topics(own))
    journal = Journal(live=2, last=2, generations=(Generation_(number=2, raw="webhooks.raw.2"),))
    asyncio.run(produce(own.kafka, Topics.of(own).generations, [(0, JOURNAL_KEY, journal.encode(), [])]))


def test_a_gateway_that_began_without_kafka_ends_once_it_is_there(
    settings: SettingsFactory, processes: Processes
) -> None:
    """It cannot know before; from then on it would send webhooks into the topic that was left."""
    own = settings(partitions=1, gateway_bind=f"{LOOPBACK}:{free_port()}")
    journal_of_a_copy(own)
    port = free_port()
    env = {**as_environment(own), "TELEMETRY_KAFKA": f"{LOOPBACK}:{port}"}
    child = processes.start([sys.executable, "-m", "deploy.cli", "gateway"], env)
    child.says("the reference topics cannot be read yet")
    assert child.process.poll() is None

    with opened(port, own.kafka):
        assert child.process.wait(60) == 1

    assert "generation 2 is computed from" in child.output
    assert "set TELEMETRY_RAW_TOPIC=webhooks.raw.2" in child.output


async def test_before_a_switch_nothing_works_on_a_copy_under_the_live_generation(settings: SettingsFactory) -> None:
    """The first `setup` notes the topic: a copy is worked on by a generation of its own, which is noted as well."""
    own = settings(partitions=1)
    assert f"generation 1 is computed from {Topics.of(own).raw}" in await setup_topics(own)
    copy = own.model_copy(update={"raw_topic": "webhooks.raw.2", "partitions": 2})
    async with admin(own.kafka) as client:
        await client.create_topics([NewTopic(Topics.of(copy).raw, 2, 1)])
        await await_leaders(client, [Topics.of(copy).raw])

    with_number = r"to go on with .*webhooks\.raw\.2 set TELEMETRY_GENERATION=2, too"
    for forgetful in (copy, copy.model_copy(update={"partitions": 1})):
        for refusing in (setup_topics, check_raw_topic, live_mandate):
            with pytest.raises(RawTopicError, match=with_number):
                await refusing(forgetful)
    with pytest.raises(RawTopicError, match="; set TELEMETRY_PARTITIONS=2"):
        await check_raw_topic(copy.model_copy(update={"partitions": 1, "generation": 2}))
    await setup_topics(second := copy.model_copy(update={"generation": 2}))
    assert await setup_topics(second) == []
    with pytest.raises(RawTopicError, match=r"set TELEMETRY_RAW_TOPIC=webhooks\.raw\.2 .*set TELEMETRY_GENERATION=1"):
        await setup_topics(own.model_copy(update={"generation": 2}))
    assert await check_raw_topic(own)


async def test_an_older_installation_is_held_to_what_its_workers_have_committed(settings: SettingsFactory) -> None:
    """Its journal knows no topic; the next `setup` lets it, also one that is refused."""
    own = settings(partitions=1)
    topics = await create_topics(own)
    async with AIOKafkaConsumer(bootstrap_servers=own.kafka, group_id=topics.application) as worker:
        source = TopicPartition(topics.raw, 0)
        worker.assign([source])
        await worker.commit({source: 1})
    copy = own.model_copy(update={"raw_topic": "webhooks.raw.2"})

    with pytest.raises(RawTopicError, match=r"set TELEMETRY_RAW_TOPIC=webhooks\.raw "):
        await setup_topics(copy)

    assert (await read_journal(own)).generation(1).raw == "webhooks.raw"
    assert not [line for line in await setup_topics(own) if "computed from" in line]


def planned(directory: Path) -> tuple[LocalSystem, Part]:
    """A system and its worker; the whole preparation downloads servers."""
    directory.mkdir(exist_ok=True)
    system = LocalSystem(directory, 1, load_settings())
    system._bind = "127.0.0.1:1"  # noqa: SLF001 - see above
    system._set_env()  # noqa: SLF001 - see above
    (directory / "run").mkdir()
    return system, system._own("worker-1", "worker")  # noqa: SLF001 - see above


def test_up_follows_the_journal_unless_a_topic_is_set(
    settings: SettingsFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that start from then on and DIR/env have the topic of the live generation; a wrong one is refused."""
    own = settings(partitions=1)
    journal_of_a_copy(own)
    monkeypatch.setattr(KafkaNode, "bootstrap", property(lambda _: own.kafka))
    monkeypatch.setattr(ClickHouseServer, "url", property(lambda _: own.clickhouse.get_secret_value()))
    monkeypatch.setattr(ClickHouseServer, "analyst_url", property(lambda _: "http://analyst:a@127.0.0.1:1"))
    monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", own.topic_prefix)
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "1")

    system, worker = planned(tmp_path)
    assert "TELEMETRY_RAW_TOPIC" not in worker.env
    found = asyncio.run(system._live_settings())  # noqa: SLF001 - as above
    assert (found.generation, found.raw_topic) == (2, "webhooks.raw.2")
    assert system.followed == {"raw_topic": "webhooks.raw.2"}
    assert worker.env["TELEMETRY_RAW_TOPIC"] == "webhooks.raw.2"
    lines = system.env_file.read_text().splitlines()
    assert "TELEMETRY_RAW_TOPIC=webhooks.raw.2" in lines
    assert not [line for line in lines if line.startswith("TELEMETRY_GENERATION")]
    asyncio.run(create_topics(own.model_copy(update={"raw_topic": "webhooks.raw.2", "generation": 2})))
    monkeypatch.delenv("TELEMETRY_PARTITIONS")
    forgetful, _ = planned(tmp_path / "without-env")
    assert forgetful.followed == {"partitions": 4}
    assert asyncio.run(forgetful._live_settings()).partitions == 1  # noqa: SLF001 - as above
    assert forgetful.followed == {"raw_topic": "webhooks.raw.2", "partitions": 1}
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "1")

    monkeypatch.setenv("TELEMETRY_RAW_TOPIC", "webhooks.raw")
    other, _ = planned(tmp_path / "other")
    with pytest.raises(RawTopicError, match=r"set TELEMETRY_RAW_TOPIC=webhooks\.raw\.2"):
        asyncio.run(other._live_settings())  # noqa: SLF001 - as above
    monkeypatch.setenv("TELEMETRY_RAW_TOPIC", "webhooks.raw.3")
    monkeypatch.setenv("TELEMETRY_GENERATION", "3")
    third, _ = planned(tmp_path / "third")
    found = asyncio.run(third._live_settings())  # noqa: SLF001 - as above
    assert (found.generation, found.raw_topic, third.followed) == (3, "webhooks.raw.3", {})
    assert third.addresses["TELEMETRY_GENERATION"] == "3"


def test_nothing_works_with_the_topic_that_was_left(
    switched: Settings, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every part, and every command that reads or writes the log, ends with the line that says what to set."""
    right = Topics.of(switched).raw + ".2"
    wrong = f"generation 2 is computed from {right}, and TELEMETRY_RAW_TOPIC says webhooks.raw"
    mend = (
        "to go on as before set TELEMETRY_RAW_TOPIC=webhooks.raw.2 (with `up` leave it and TELEMETRY_PARTITIONS unset, "
        f"as in a fresh terminal); to go on with {Topics.of(switched).raw} set TELEMETRY_GENERATION=3, too."
    )

    for part in ("worker", "sink", "gateway"):
        child = processes.start([sys.executable, "-m", "deploy.cli", part], as_environment(switched))
        assert child.process.wait(60) == 1
        assert f"error: {wrong}; {mend}\n" in child.output
    lines = "setup", "raw copy again", "replay --dry-run", "replay status", "replay drop --yes", "replay rollback"
    for line in (*lines, "forget --student 7 --yes"):
        refused = command(*line.split())
        assert (refused.code, refused.complaint) == (1, f"error: {wrong}; {mend}")
    told = orjson.loads(command("status", "--json").out)["parts"]["kafka"]
    assert told == f"{wrong}. {mend[0].upper()}{mend[1:]}"
    (found,) = (one for one in orjson.loads(command("doctor", "--json").out) if one["check"] == "topics")
    assert (found["state"], found["detail"]) == ("failed", wrong)

    # What was set is counted, not what was looked up.
    (valid,) = (one for one in orjson.loads(command("doctor", "--json").out) if one["part"] == "settings")
    assert valid["detail"] == f"{len([name for name in os.environ if name.startswith(PREFIX)])} set"
    # What is left is the person's to delete.
    monkeypatch.setenv("TELEMETRY_RAW_TOPIC", "webhooks.raw.2")
    assert "can be deleted: replay drop" in command("replay", "status").out
    unanswered = command("replay", "drop")
    assert (unanswered.code, unanswered.err.splitlines()) == (
        1,
        [
            f"Generation 1 is to be deleted for good: its topics and its tables, the database {switched.database}_g1.",
            "Do that? [y/N] ",
            "error: nobody answers here: add --yes to agree without being asked.",
        ],
    )
    assert command("replay", "drop", stdin=b"n\n").err.endswith("error: nothing was given up, and nothing deleted.\n")
    assert "can be deleted: replay drop" in command("replay", "status").out
    assert command("replay", "drop", "--yes").out == "Generation 1 is deleted, which nobody needed any more.\n"
    assert command("replay", "drop").out == "No replay is under way, and there is no generation that nobody needs.\n"
    assert "can be deleted" not in command("replay", "status").out
    unknown = command("dead-letters", "show", 5)
    assert unknown.complaint == "error: no dead letter 5 is there; `dead-letters list` shows those that are."


async def test_of_two_setups_at_once_the_first_says_what_the_generation_is_of(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other does not take it back, though it found nothing when it looked."""
    first = settings(partitions=1)
    second = first.model_copy(update={"raw_topic": "webhooks.raw.2"})
    await create_topics(first)
    said: list[str] = []

    async def first_is_faster(_settings: Settings) -> bool:
        monkeypatch.undo()
        said.extend(await remember_raw_topic(first))
        return False

    monkeypatch.setattr("operations.generations.remembering.lease_is_held", first_is_faster)

    assert await remember_raw_topic(second) == []
    assert said == [f"generation 1 is computed from {Topics.of(first).raw}"]
    assert (await read_journal(first)).generation(1).raw == first.raw_topic
