"""Kafka and ClickHouse in containers, where a Docker engine answers."""

from __future__ import annotations

import contextlib
import gc
import warnings
from typing import TYPE_CHECKING, Final

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.community.clickhouse import ClickHouseContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.local.kafka import DEFAULT_MESSAGE_MAX_BYTES
from deploy.local.kafka.artifacts import kafka_version
from deploy.local.resources import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CLICKHOUSE_IMAGE", "docker_answers", "docker_servers"]

CLICKHOUSE_IMAGE: Final = "clickhouse/clickhouse-server:25.8"
_BROKER_PORT: Final = 9092
_CONTROLLER_PORT: Final = 9093
_HTTP_PORT: Final = 8123
_USER: Final = "telemetry"


def docker_answers() -> bool:
    """Whether a Docker engine is there."""
    with warnings.catch_warnings():
        # The client forgets its socket where nothing listens.
        warnings.simplefilter("ignore", ResourceWarning)
        with contextlib.suppress(DockerException), contextlib.closing(docker.from_env()) as client:
            return bool(client.ping())
        gc.collect()
    return False


@contextlib.contextmanager
def docker_servers() -> Iterator[tuple[str, str]]:
    """Kafka and ClickHouse in containers: the bootstrap servers, and the URL with user and password."""
    port = free_port()
    kafka = DockerContainer(f"apache/kafka:{kafka_version()}")
    for name, value in _broker_environment(port).items():
        kafka.with_env(name, value)
    # Docker takes an address too, and would listen on all of them otherwise.
    kafka.with_bind_ports(_BROKER_PORT, (LOOPBACK, port))  # type: ignore[arg-type]
    kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    clickhouse = ClickHouseContainer(CLICKHOUSE_IMAGE, username=_USER, password=_USER, dbname="default")
    with kafka, clickhouse:
        address = f"{clickhouse.get_container_host_ip()}:{clickhouse.get_exposed_port(_HTTP_PORT)}"
        yield f"{LOOPBACK}:{port}", f"http://{_USER}:{_USER}@{address}"


def _broker_environment(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{_BROKER_PORT},CONTROLLER://:{_CONTROLLER_PORT}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@localhost:{_CONTROLLER_PORT}",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_MESSAGE_MAX_BYTES": str(DEFAULT_MESSAGE_MAX_BYTES),
    }
