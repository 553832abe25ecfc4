"""What a broker's Java has loaded and linked when it starts, kept for the brokers of tests.

They start in half the time with it. `python -m tests.support.java_cache` makes it, once for each version of Kafka and
of Java.

Java itself looks whether a cache is that of its classes and its options, and starts without one that is not.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.kafka import KafkaNode
from deploy.local.kafka.artifacts import LOCK_FILE, cache_directory
from deploy.local.kafka.java import java_command

__all__ = ["cache_file", "java_options", "make"]

# For a broker that lives for minutes: compiling better code would take longer than that code saves.
_QUICK: Final = ("-XX:TieredStopAtLevel=1",)


class _Training(KafkaNode):
    # Java writes the cache when it ends.
    stop_seconds = 120


def java_options() -> tuple[str, ...]:
    """The options for the Java of a broker that lives for minutes; with the cache, where it has been made."""
    kept = cache_file()
    return (*_QUICK, f"-XX:AOTCache={kept}") if kept.exists() else _QUICK


def cache_file() -> Path:
    """Where the cache is, or will be, for this version of Kafka and of Java."""
    release = Path(java_command()).parents[1] / "release"
    digest = hashlib.sha256(LOCK_FILE.read_bytes() + release.read_bytes()).hexdigest()
    return cache_directory().with_name("java") / f"kafka-{digest[:16]}.aot"


def make() -> None:
    """Let a broker start, and keep what it has loaded; nothing is done where that has been done."""
    kept = cache_file()
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="java-cache-", dir=kept.parent) as name:
        new = Path(name) / kept.name
        with _Training(Path(name) / "kafka", java_options=(*_QUICK, f"-XX:AOTCacheOutput={new}")):
            pass
        new.rename(kept)


if __name__ == "__main__":
    make()
