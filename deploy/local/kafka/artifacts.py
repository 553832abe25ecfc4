"""Kafka's jars: the pinned list beside this module, fetched by jgo into a cache and held against their SHA-256."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.local.errors import INSTALL_HINT, LocalStackError
from deploy.local.progress import silent
from deploy.local.resources import require_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.progress import Progress

__all__ = ["LOCK_FILE", "Jar", "cache_directory", "fetch", "kafka_version", "locked_jars"]

LOCK_FILE: Final = Path(__file__).with_name("kafka.lock")

_STEP: Final = "Downloading Kafka"
_TIMEOUT_SECONDS: Final = 60
_ROOM_BYTES: Final = 500_000_000


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock file: a Maven coordinate `group:artifact:version` with the file's size and SHA-256."""

    coordinate: str
    size: int
    sha256: str


def locked_jars(lock: Path | None = None) -> list[Jar]:
    """Read a lock file, a broker's unless another is named; there Kafka's own artifact is the first."""
    lines = (lock or LOCK_FILE).read_text(encoding="utf-8").splitlines()
    fields = (line.split() for line in lines if line and not line.startswith("#"))
    return [Jar(coordinate, int(size), sha256) for coordinate, size, sha256 in fields]


def kafka_version() -> str:
    """The version of Kafka that the lock file pins."""
    return locked_jars()[0].coordinate.rsplit(":", 1)[1]


def cache_directory() -> Path:
    """Where downloads are kept for all runs of this user (`XDG_CACHE_HOME` is heeded)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "learnpack-telemetry" / "maven"


def fetch(progress: Progress = silent, cache: Path | None = None, lock: Path | None = None) -> list[Path]:
    """Bring every jar of a lock file, a broker's or another, into the cache; returns the paths in the file's order.

    What is there already is not downloaded again; a file whose SHA-256 differs is fetched once more. `progress` is told
    only while something is downloaded.
    Raises LocalStackError without the `local` extra, without network, with a full disk or on a lasting mismatch.
    """
    cache = cache or cache_directory()
    jars = locked_jars(lock)
    total = sum(jar.size for jar in jars)
    finished = 0

    def advance(count: int) -> None:
        nonlocal finished
        finished += count
        progress(_STEP, min(finished, total), total)

    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _exclusive(cache / ".lock"):
            context = _maven(cache, advance)
            paths = []
            for jar in jars:
                path, was_there = _fetch_one(context, jar, cache)
                paths.append(path)
                if was_there:
                    finished += jar.size
            return paths
    except OSError as error:
        message = f"Kafka could not be stored in {cache}: {error.strerror or error}. Make the directory writable."
        raise LocalStackError(message) from error


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    # Two first starts at the same time would write the same files.
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _maven(cache: Path, advance: Callable[[int], None]) -> Any:
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - an optional dependency
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    except ImportError as error:
        message = f"jgo, which downloads Kafka, is not installed. {INSTALL_HINT}"
        raise LocalStackError(message) from error

    @contextmanager
    def track(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    return MavenContext(
        resolver=PythonResolver(progress_callback=track),
        repo_cache=cache,
        remote_repos=repositories,
        timeout=_TIMEOUT_SECONDS,
    )


def _fetch_one(context: Any, jar: Jar, cache: Path) -> tuple[Path, bool]:
    """Where a jar is, and whether it was there before."""
    group, artifact_id, version = jar.coordinate.split(":")
    artifact = context.project(group, artifact_id).at_version(version).artifact()
    path = Path(artifact.cached_path)
    if path.exists():
        if _digest(path) == jar.sha256:
            return path, True
        path.unlink()
    require_space(cache, _ROOM_BYTES, "Kafka's download")
    _download(artifact, jar)
    if _digest(path) != jar.sha256:
        path.unlink()
        message = (
            f"{jar.coordinate} was downloaded with wrong contents: try again, and check the Maven mirror if it stays."
        )
        raise LocalStackError(message)
    return path, False


def _download(artifact: Any, jar: Jar) -> None:
    import requests  # noqa: PLC0415 - only who downloads pays for it

    try:
        artifact.resolve()
    except requests.RequestException as error:
        message = (
            f"Kafka could not be downloaded ({jar.coordinate}: {type(error).__name__}): the first start needs a "
            "network that reaches Maven Central. Connect and try again."
        )
        raise LocalStackError(message) from error
    except RuntimeError as error:
        message = (
            f"Kafka could not be downloaded: no Maven repository has {jar.coordinate}. Check the mirror in jgo.conf."
        )
        raise LocalStackError(message) from error


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
