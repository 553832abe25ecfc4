"""Kafka Streams: fetches its jars, compiles CountingStreams.java once, and becomes that program.

Nothing has to be installed by hand: Eclipse's compiler and the libraries come from Maven as the broker's jars do, Java
is the broker's too. What is compiled stays in a cache until the source or the jars change.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.peers.task import Task
from deploy.local.kafka import artifacts
from deploy.local.kafka.java import java_command, java_environment
from schemas.wire.topics import Topics

__all__ = ["command"]

_SOURCE: Final = Path(__file__).with_name("CountingStreams.java")
_LOCK: Final = Path(__file__).with_name("kafka_streams.lock")
_COMMIT_MS: Final = 100
_COMPRESSION: Final = "zstd"
_HEAP: Final = "-Xmx1g"
_QUIET: Final = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


def _compiled(class_path: list[Path]) -> Path:
    """The directory of the classes; compiles the source unless it was compiled with the same jars before."""
    text = _SOURCE.read_bytes() + _LOCK.read_bytes() + artifacts.LOCK_FILE.read_bytes()
    classes = artifacts.cache_directory().with_name("bench") / hashlib.sha256(text).hexdigest()[:16]
    if (classes / f"{_SOURCE.stem}.class").exists():
        return classes
    paths = ":".join(map(str, class_path))
    compiler = [java_command(), "-cp", paths, "org.eclipse.jdt.internal.compiler.batch.Main"]
    options = ["-source", "21", "-target", "21", "-nowarn", "-cp", paths, "-d", str(classes)]
    done = subprocess.run(
        [*compiler, *options, str(_SOURCE)], env=java_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{_SOURCE.name} does not compile:\n{done.stdout}{done.stderr}")
    return classes


def command(task: Task) -> list[str]:
    """The command line of Kafka Streams for a task; fetches and compiles what is missing."""
    jars = [*artifacts.fetch(lock=_LOCK), *artifacts.fetch()]
    paths = [_compiled(jars), *jars]
    topics = Topics.of(task.settings())
    told = {
        "kafka": task.kafka,
        "application": f"{topics.application}-streams",
        "raw": topics.raw,
        "output": topics.telemetry,
        "count": task.count,
        "warm": task.warm,
        "directory": task.data_dir,
        "guarantee": {"exactly-once": "exactly_once_v2"}.get(task.guarantee, "at_least_once"),
        "commit_ms": _COMMIT_MS,
        "compression": _COMPRESSION,
    }
    java = [java_command(), _HEAP, *_QUIET, "-cp", ":".join(map(str, paths)), _SOURCE.stem]
    return [*java, *(f"{name}={value}" for name, value in told.items())]


if __name__ == "__main__":
    line = command(Task.from_argv())
    os.execve(line[0], line, java_environment())  # noqa: S606 - our own command line
