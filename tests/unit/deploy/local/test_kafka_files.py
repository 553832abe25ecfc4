"""The broker's configuration says what the project relies on."""

from __future__ import annotations

from pathlib import Path

from deploy.local.kafka.files import BrokerPorts, logging_configuration, server_properties


def properties(message_max_bytes: int = 11 << 20) -> dict[str, str]:
    """The rendered properties by name."""
    text = server_properties(Path("/data/logs"), BrokerPorts(20001, 20002), message_max_bytes)
    return dict(line.split("=", 1) for line in text.splitlines())


def test_everything_listens_on_the_loopback_address() -> None:
    """Clients, the controller and the quorum use 127.0.0.1 and the ports of this run."""
    found = properties()

    assert found["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:20002"


def test_one_node_replicates_to_itself() -> None:
    """Internal topics ask for one replica, or transactions would wait for ever."""
    found = properties()

    assert {found[f"{topic}.replication.factor"] for topic in ("offsets.topic", "transaction.state.log")} == {"1"}
    assert found["transaction.state.log.min.isr"] == "1"


def test_the_largest_message_sets_every_limit_it_depends_on() -> None:
    """Raising the record size raises what is fetched and what a request may hold."""
    found = properties(200 << 20)

    assert found["message.max.bytes"] == found["replica.fetch.max.bytes"] == str(200 << 20)
    assert int(found["socket.request.max.bytes"]) >= 400 << 20


def test_nothing_expires_and_nothing_is_made_by_itself() -> None:
    """Retention is the topics' own, and topics come from `setup`."""
    found = properties()

    assert (found["log.retention.ms"], found["auto.create.topics.enable"]) == ("-1", "false")


def test_the_log_goes_to_its_file() -> None:
    """log4j2 writes where it is told."""
    assert "appender.file.fileName = /data/kafka.log" in logging_configuration(Path("/data/kafka.log"))
