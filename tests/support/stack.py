"""Real Kafka and ClickHouse for tests and for developers.

`uv run python -m tests.support.stack DIR` starts both on this machine, writes their addresses to DIR/env, prints them
and serves until Ctrl-C or SIGTERM. With LEARNPACK_TEST_STACK=DIR/env a test run uses them instead of its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STACK_VARIABLE", "Stack", "docker_answers", "docker_stack", "local_stack", "open_stack"]

STACK_VARIABLE: Final = "LEARNPACK_TEST_STACK"

_USER: Final = "telemetry"
_PASSWORD: Final = "p@ss/word"
_KAFKA_IMAGE: Final = "confluentinc/cp-kafka:8.1.1"
_CLICKHOUSE_IMAGE: Final = "clickhouse/clickhouse-server:25.8"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the servers are: Kafka's bootstrap servers and ClickHouse's URL with user and password."""

    kafka: str
    clickhouse: str

    def environment(self) -> dict[str, str]:
        """The settings of the parts that use these servers."""
        return {"TELEMETRY_KAFKA": self.kafka, "TELEMETRY_CLICKHOUSE": self.clickhouse}

    def write(self, path: Path) -> None:
        """Write the addresses as lines NAME=VALUE."""
        path.write_text("".join(f"{name}={value}\n" for name, value in self.environment().items()), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Stack:
        """Read what `write` wrote."""
        values = dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
        return cls(values["TELEMETRY_KAFKA"], values["TELEMETRY_CLICKHOUSE"])


@contextlib.contextmanager
def local_stack(directory: Path) -> Iterator[Stack]:
    """Kafka from Maven and ClickHouse from its wheel, below `directory`."""
    kafka = KafkaNode(directory / "kafka")
    clickhouse = ClickHouseServer(directory / "clickhouse", user=_USER, password=_PASSWORD)
    with kafka, clickhouse:
        yield Stack(kafka.bootstrap, clickhouse.url)


def docker_answers() -> bool:
    """Whether a Docker engine is there."""
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        # The client forgets its socket where nothing listens.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with contextlib.closing(docker.from_env()) as client:
                return bool(client.ping())
        except DockerException:
            gc.collect()
            return False


@contextlib.contextmanager
def docker_stack() -> Iterator[Stack]:
    """The servers' official images in containers."""
    from testcontainers.community.clickhouse import ClickHouseContainer
    from testcontainers.community.kafka import KafkaContainer

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
        yield Stack(kafka.get_bootstrap_server(), f"http://telemetry:telemetry@{address}")


@contextlib.contextmanager
def open_stack(directory: Path) -> Iterator[Stack]:
    """The stack for a test run: a running one that LEARNPACK_TEST_STACK names, else containers, else local servers."""
    running = os.environ.get(STACK_VARIABLE)
    if running:
        yield Stack.read(Path(running))
        return
    with docker_stack() if docker_answers() else local_stack(directory) as stack:
        yield stack


def main() -> None:
    """Serve a local stack until a signal ends it."""
    directory = Path(sys.argv[1])
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with local_stack(directory) as stack:
        stack.write(directory / "env")
        sys.stdout.write((directory / "env").read_text())
        sys.stdout.flush()
        done.wait()


if __name__ == "__main__":
    main()
