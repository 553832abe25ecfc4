"""Real Kafka and ClickHouse for tests and for developers.

`uv run python -m tests.support.stack DIR` starts both on this machine, writes their addresses to DIR/env, prints them
and serves until Ctrl-C or SIGTERM. With LEARNPACK_TEST_STACK=DIR/env a test run uses them instead of its own. With a
second argument, the path of a file, it ends as soon as nobody holds a lock of that file, and takes containers where a
Docker engine answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from tests.support.java_cache import java_options

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
        """Write the addresses as lines NAME=VALUE, all at once."""
        text = "".join(f"{name}={value}\n" for name, value in self.environment().items())
        path.with_suffix(".new").write_text(text, encoding="utf-8")
        path.with_suffix(".new").rename(path)

    @classmethod
    def read(cls, path: Path) -> Stack:
        """Read what `write` wrote."""
        values = dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
        return cls(values["TELEMETRY_KAFKA"], values["TELEMETRY_CLICKHOUSE"])


@contextlib.contextmanager
def local_stack(directory: Path) -> Iterator[Stack]:
    """Kafka from Maven and ClickHouse from its wheel, below `directory`."""
    kafka = KafkaNode(directory / "kafka", java_options=java_options())
    # Most queries of tests take milliseconds, of which a second thread would take more.
    clickhouse = ClickHouseServer(directory / "clickhouse", user=_USER, password=_PASSWORD, threads=1)
    with kafka, clickhouse:
        yield Stack(kafka.bootstrap, clickhouse.url)


@contextlib.contextmanager
def open_stack(directory: Path) -> Iterator[Stack]:
    """A running stack that LEARNPACK_TEST_STACK names, else containers, else local servers.

    `local` as its value means local servers even where a Docker engine answers.
    """
    running = os.environ.get(STACK_VARIABLE, "")
    if running not in ("", "local"):
        yield Stack.read(Path(running))
        return
    if not running and _docker_answers():
        from tests.support.containers import docker_servers  # noqa: PLC0415 - as below

        with docker_servers() as (kafka, clickhouse):
            yield Stack(kafka, clickhouse)
        return
    with local_stack(directory) as stack:
        yield stack


def _docker_answers() -> bool:
    # Half a second, which only the process that starts servers need spend.
    from tests.support.containers import docker_answers  # noqa: PLC0415

    return docker_answers()


def main() -> None:
    """Serve a stack until a signal ends it, or the run that it is for has ended."""
    directory = Path(sys.argv[1])
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    if len(sys.argv) > 2:
        threading.Thread(target=_await_lock, args=(Path(sys.argv[2]), done), daemon=True).start()
        opened = open_stack(directory)
    else:
        opened = local_stack(directory)
    with opened as stack:
        stack.write(directory / "env")
        sys.stdout.write((directory / "env").read_text())
        sys.stdout.flush()
        done.wait()


def _await_lock(path: Path, done: threading.Event) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    done.set()


if __name__ == "__main__":
    main()
