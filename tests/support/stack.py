"""Real Kafka and ClickHouse for tests and for developers.

`uv run python -m tests.support.stack DIR` starts both on this machine, writes their addresses to DIR/env, prints them
and serves until Ctrl-C or SIGTERM. With LEARNPACK_TEST_STACK=DIR/env a test run uses them instead of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from tests.support.containers import docker_answers, docker_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STACK_VARIABLE", "Stack", "local_stack", "open_stack"]

STACK_VARIABLE: Final = "LEARNPACK_TEST_STACK"

_USER: Final = "telemetry"
_PASSWORD: Final = "p@ss/word"


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


@contextlib.contextmanager
def open_stack(directory: Path) -> Iterator[Stack]:
    """The stack for a test run: a running one that LEARNPACK_TEST_STACK names, else containers, else local servers.

    `local` as its value means local servers even where a Docker engine answers.
    """
    running = os.environ.get(STACK_VARIABLE, "")
    if running not in ("", "local"):
        yield Stack.read(Path(running))
        return
    if not running and docker_answers():
        with docker_servers() as (kafka, clickhouse):
            yield Stack(kafka, clickhouse)
        return
    with local_stack(directory) as stack:
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
