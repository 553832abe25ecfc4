"""Kafka's jars are fetched once, whole, and as they were pinned."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.kafka import artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENTS = {"one": b"first jar" * 1000, "two": b"second jar" * 3000}


@dataclass
class Repository:
    """A Maven repository on this machine."""

    root: Path
    cache: Path
    asked: list[str] = field(default_factory=list)

    def publish(self, name: str, contents: bytes) -> None:
        """Put an artifact where Maven looks for it."""
        path = self.root / f"org/example/{name}/1.0/{name}-1.0.jar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)

    def jars_asked(self) -> list[str]:
        """The names of the jars that were downloaded."""
        return [path.rpartition("/")[2] for path in self.asked if path.endswith(".jar")]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository with two artifacts, named in a lock file, that jgo is set up to use."""
    served = Repository(tmp_path / "repository", tmp_path / "cache")
    served.root.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            served.asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served.root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    lines = []
    for name, contents in CONTENTS.items():
        served.publish(name, contents)
        lines.append(f"org.example:{name}:1.0 {len(contents)} {hashlib.sha256(contents).hexdigest()}\n")
    lock = tmp_path / "kafka.lock"
    lock.write_text("# a comment\n" + "".join(lines))
    monkeypatch.setattr(artifacts, "LOCK_FILE", lock)
    use_repository(f"http://127.0.0.1:{server.server_port}", tmp_path, monkeypatch)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def use_repository(address: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set jgo up for another repository in the place of Maven Central."""
    settings = directory / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = {address}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))


def test_every_locked_jar_is_fetched_in_order(repository: Repository) -> None:
    """The paths come in the order of the lock file, with the right contents."""
    paths = artifacts.fetch(cache=repository.cache)

    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())


def test_progress_counts_bytes_up_to_the_total(repository: Repository) -> None:
    """The caller hears of growing counts that end at the total."""
    heard: list[tuple[int, int]] = []

    artifacts.fetch(lambda _step, done, total: heard.append((done, total)), repository.cache)

    total = sum(map(len, CONTENTS.values()))
    assert heard == sorted(heard)
    assert heard[-1] == (total, total)


def test_what_is_there_is_not_fetched_again(repository: Repository) -> None:
    """The second start needs no network, and tells of no download."""
    artifacts.fetch(cache=repository.cache)
    before = len(repository.asked)
    heard: list[str] = []

    artifacts.fetch(lambda step, _done, _total: heard.append(step), repository.cache)

    assert len(repository.asked) == before
    assert heard == []


def test_a_damaged_jar_is_fetched_again(repository: Repository) -> None:
    """A file that a broken download left behind is replaced, the others stay."""
    first, _ = artifacts.fetch(cache=repository.cache)
    first.write_bytes(CONTENTS["one"][:100])
    repository.asked.clear()

    artifacts.fetch(cache=repository.cache)

    assert first.read_bytes() == CONTENTS["one"]
    assert repository.jars_asked() == ["one-1.0.jar"]


def test_other_contents_are_refused(repository: Repository) -> None:
    """A mirror that serves something else is named, and nothing of it is kept."""
    repository.publish("two", b"something else")

    with pytest.raises(LocalStackError, match=r"org\.example:two:1\.0 was downloaded with wrong contents"):
        artifacts.fetch(cache=repository.cache)

    assert not list(repository.cache.rglob("two-1.0.jar"))


def test_a_missing_jar_is_named(repository: Repository) -> None:
    """A repository without an artifact is a clear error."""
    (repository.root / "org/example/two/1.0/two-1.0.jar").unlink()

    with pytest.raises(LocalStackError, match=r"no Maven repository has org\.example:two:1\.0"):
        artifacts.fetch(cache=repository.cache)


def test_without_network_the_message_says_so(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that listens is told apart from a missing file."""
    use_repository("http://127.0.0.1:1", tmp_path, monkeypatch)

    with pytest.raises(LocalStackError, match="the first start needs a network"):
        artifacts.fetch(cache=repository.cache)


def test_a_cache_that_cannot_be_written_is_named(repository: Repository) -> None:
    """A file in the place of the cache is a clear error."""
    repository.cache.write_text("in the way")

    with pytest.raises(LocalStackError, match=r"could not be stored in .*cache"):
        artifacts.fetch(cache=repository.cache)


def test_two_first_starts_at_the_same_time_do_not_meet(repository: Repository) -> None:
    """Each jar is downloaded once, and both get it whole."""
    results: list[list[Path]] = []
    threads = [
        threading.Thread(target=lambda: results.append(artifacts.fetch(cache=repository.cache))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 4
    assert sorted(repository.jars_asked()) == ["one-1.0.jar", "two-1.0.jar"]


def test_the_real_lock_names_one_version_of_each_part_of_kafka() -> None:
    """All of Kafka's own artifacts have the pinned version, and the broker is the first."""
    jars = artifacts.locked_jars()
    own = {jar.coordinate.rsplit(":", 1)[1] for jar in jars if jar.coordinate.startswith("org.apache.kafka:")}

    assert own == {artifacts.kafka_version()}
    assert jars[0].coordinate.startswith("org.apache.kafka:kafka_2.13:4.")
    assert len({jar.coordinate.rsplit(":", 1)[0] for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


def test_the_cache_follows_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME moves the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")

    assert artifacts.cache_directory() == Path("/somewhere/learnpack-telemetry/maven")
