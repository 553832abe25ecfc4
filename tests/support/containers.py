"""Kafka and ClickHouse in containers, where a Docker engine answers."""

from __future__ import annotations

import contextlib
import gc
import warnings
from typing import TYPE_CHECKING, Final

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.community.clickhouse import ClickHouseContainer
from testcontainers.community.kafka import KafkaContainer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["docker_answers", "docker_servers"]

_KAFKA_IMAGE: Final = "confluentinc/cp-kafka:8.1.1"
_CLICKHOUSE_IMAGE: Final = "clickhouse/clickhouse-server:25.8"


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
    kafka = KafkaContainer(_KAFKA_IMAGE).with_kraft()
    for name, value in {
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_MESSAGE_MAX_BYTES": str(11 << 20),
    }.items():
        kafka.with_env(name, value)
    clickhouse = ClickHouseContainer(_CLICKHOUSE_IMAGE, username="telemetry", password="telemetry", dbname="default")
    with kafka, clickhouse:
        address = f"{clickhouse.get_container_host_ip()}:{clickhouse.get_exposed_port(8123)}"
        yield kafka.get_bootstrap_server(), f"http://telemetry:telemetry@{address}"
