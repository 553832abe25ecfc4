"""Pin another version of Kafka: `python -m deploy.local.kafka.relock VERSION` writes kafka.lock anew."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.local.kafka.artifacts import LOCK_FILE

_HEADER = """\
# The jars that a Kafka broker and its tools need: coordinate, size in bytes, SHA-256.
# Written by `python -m deploy.local.kafka.relock VERSION`; do not edit.
"""


def main() -> None:
    """Resolve Kafka and its logging binding with jgo and write the lock file."""
    version = sys.argv[1]
    with tempfile.TemporaryDirectory() as cache:
        lines = [_line(artifact) for artifact in _resolve(version, Path(cache))]
    LOCK_FILE.write_text(_HEADER + "".join(lines), encoding="utf-8")
    sys.stdout.write(f"{len(lines)} jars written to {LOCK_FILE}\n")


def _resolve(version: str, cache: Path) -> list[Any]:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - an optional dependency
    from jgo.parse import Coordinate  # noqa: PLC0415

    context = MavenContext(resolver=PythonResolver(), repo_cache=cache, timeout=60)
    kafka = Coordinate.parse(f"org.apache.kafka:kafka_2.13:{version}")
    inputs, transitive = context.resolver.resolve([context.create_dependency(kafka)])
    artifacts = [dependency.artifact for dependency in (*inputs, *transitive) if dependency.scope != "test"]
    # Resolved apart from Kafka: as an input of its own its managed versions would replace Kafka's.
    core = next(artifact for artifact in artifacts if artifact.artifactId == "log4j-core")
    binding = context.project(core.groupId, "log4j-slf4j-impl").at_version(core.version).artifact()
    return [*artifacts, binding]


def _line(artifact: Any) -> str:
    contents = artifact.resolve().read_bytes()
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return f"{coordinate} {len(contents)} {hashlib.sha256(contents).hexdigest()}\n"


if __name__ == "__main__":
    main()
