"""The broker's configuration says what the project relies on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from deploy.local.kafka.files import BrokerPorts, logging_configuration, server_properties


def properties(message_max_bytes: int = 11 << 20, **options: Any) -> dict[str, str]:
    """The rendered properties by name."""
    text = server_properties(Path("/data/logs"), BrokerPorts(20001, 20002), message_max_bytes, **options)
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


def test_of_three_nodes_one_may_be_away() -> None:
    """Each is a voter, and whatever Kafka keeps for itself has three copies, of which two must have a record."""
    found = properties(node_id=2, controllers={1: 20004, 2: 20002, 3: 20006})

    assert (found["node.id"], found["listeners"].partition(",")[0]) == ("2", "PLAINTEXT://127.0.0.1:20001")
    assert found["controller.quorum.voters"] == "1@127.0.0.1:20004,2@127.0.0.1:20002,3@127.0.0.1:20006"
    copies = {name: value for name, value in found.items() if name.endswith("replication.factor")}
    assert (len(copies), {*copies.values()}) == (4, {"3"})
    least = {name: value for name, value in found.items() if name.endswith(("min.isr", "min.insync.replicas"))}
    assert (len(least), {*least.values()}) == (3, {"2"})


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


def shown(message: str) -> bool:
    """Whether the console has an error with this text."""
    lines = (line.split(" = ", 1) for line in logging_configuration(Path("/data/kafka.log")).splitlines())
    passing = {name: value for name, value in lines if name.startswith("appender.console.filter.passing.")}
    assert passing["appender.console.filter.passing.onMatch"] == "DENY"
    return re.fullmatch(passing["appender.console.filter.passing.regex"], message) is None


def test_what_a_broker_mends_by_itself_is_in_its_file_alone() -> None:
    """On a machine with much to do it is no fault that anybody has to look at; other errors are told."""
    request = "request RequestHeader(apiKey=CONTROLLER_REGISTRATION, apiVersion=0) -- Data(controllerId=1)"
    loading = "[GroupCoordinator id=1] Failed to load metadata from __consumer_offsets-7 with epoch 0 due to"

    assert not shown(f"[ControllerApis nodeId=1] Unexpected error handling {request}")
    assert not shown(
        "[Broker id=1] Expected partition a.b-12 with topic id 09H to exist, but it was missing. Creating..."
    )
    assert not shown(f"{loading} Stopped loading, because the partition is not online or is no longer the leader..")
    assert shown(f"[KafkaApi-1] Unexpected error handling {request}")
    assert shown(f"{loading} a corrupt record.")
    assert shown("[Broker id=1] Disk error while writing recovery offsets checkpoint in directory /data/logs")
