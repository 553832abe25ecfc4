"""What each part may do in Kafka, and nothing else: the one table of it (pure).

`learnpack-telemetry acls` prints and applies it, `doctor --part` asks the brokers about it, docs/kafka-security.md
and the Helm chart have it, and a test runs every part by it. Who may read or write a thing may describe it too; that is
not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from schemas.wire.topic_names import REFERENCE
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from broker.authorized import Operation
    from schemas.settings import Settings

__all__ = ["Acl", "Part", "Resource", "acls_of", "principal_of"]

Resource = Literal["topic", "group", "transactional-id"]


class Part(StrEnum):
    """Who connects to Kafka as a user of its own.

    `sync` is `directory sync`, `operator` whoever runs the other commands, `lms` the LMS itself.
    """

    GATEWAY = "gateway"
    WORKER = "worker"
    SINK = "sink"
    FORWARD = "forward"
    MONITOR = "monitor"
    SYNC = "sync"
    SETUP = "setup"
    OPERATOR = "operator"
    LMS = "lms"


@dataclass(frozen=True, slots=True)
class Acl:
    """That one may do these operations to what has this name, or where `prefixed` to all whose names begin so.

    `reason` says what for, as the end of a sentence.
    """

    resource: Resource
    name: str
    prefixed: bool
    operations: tuple[Operation, ...]
    reason: str

    def covers(self, name: str) -> bool:
        """Whether it is about what has this name."""
        return name.startswith(self.name) if self.prefixed else name == self.name

    def __str__(self) -> str:
        """The resource in words."""
        kind = {"topic": "topics", "group": "groups", "transactional-id": "transactional ids"}[self.resource]
        return f"{kind} that begin with {self.name}" if self.prefixed else f"{kind.removesuffix('s')} {self.name}"


def principal_of(part: Part) -> str:
    """The user that a part is known by, unless whoever sets it up has another name for it."""
    return f"User:telemetry-{part}"


def acls_of(part: Part, settings: Settings) -> tuple[Acl, ...]:
    """What a part needs, with the prefix and the raw topic of the settings, whichever generation is live."""
    return tuple(_ROWS[part](_Names(settings)))


class _Names:
    """The names that parts use, of all generations."""

    def __init__(self, settings: Settings) -> None:
        self.topics = Topics.of(settings)
        self.first = first = self.topics.of_generation(1)
        # Group, changelog and transactional ids of each generation's workers.
        self.workers = first.application.removesuffix("1")
        self.sinks = first.raw_sinks.removesuffix("raw")
        self.prefix = first.prefix
        self.derived = (first.facts, first.outcomes, first.scores, first.telemetry, first.dead_letters)
        self.directory = f"{first.prefix}directory."


def _one(resource: Resource, name: str, reason: str, *operations: Operation) -> Acl:
    return Acl(resource, name, False, operations, reason)  # noqa: FBT003 - the fields in order


def _all(resource: Resource, name: str, reason: str, *operations: Operation) -> Acl:
    return Acl(resource, name, True, operations, reason)  # noqa: FBT003 - as above


def _gateway(names: _Names) -> Iterator[Acl]:
    first, raw = names.first, names.topics.raw
    yield _all("topic", names.prefix, "to see which topics there are", "Describe")
    yield _one("topic", raw, "to publish webhooks, and to tell how many wait", "Read", "Write", "DescribeConfigs")
    yield _one("topic", first.generations, "to follow the live generation", "Read")
    yield _all("topic", first.ignore_rules, "to follow rules, and to change them with their history", "Read", "Write")
    yield _all("topic", names.directory, "to follow tokens and the directory, and to write both", "Read", "Write")
    for topic in names.derived:
        if topic == first.telemetry:
            yield _all("topic", topic, "to tell how many wait", "Read", "DescribeConfigs")
        else:
            reason = "to tell how many wait, and to resolve dead letters"
            yield _all("topic", topic, reason, "Read", "Write", "DescribeConfigs")
    for topic in (first.completions, first.stuck):
        yield _one("topic", topic, "to resolve dead letters of forwarders", "Write")
    yield _all("group", names.workers, "to tell how far workers are", "Describe")
    yield _all("group", names.sinks, "to tell how far sinks are", "Describe")
    yield _all("transactional-id", f"{names.prefix}rules.", "to change rules", "Write")
    yield _one("transactional-id", first.dead_letters, "to resolve dead letters", "Write")


def _worker(names: _Names) -> Iterator[Acl]:
    first, raw = names.first, names.topics.raw
    yield _one("topic", raw, "to read webhooks, and to move those in partitions that somebody added", "Read", "Write")
    yield _one("topic", first.ignore_rules, "to follow rules", "Read")
    yield _all("topic", names.directory, "to follow the directory", "Read")
    yield _one("topic", first.assets, "to note what was published of an asset", "Write")
    yield _one("topic", first.generations, "to follow the live generation, and to end its change", "Read", "Write")
    for topic in names.derived:
        yield _all("topic", topic, "to write what it computes", "Write")
    yield _one("topic", first.completions, "to tell of completions", "Write")
    yield _all("topic", names.workers, "to keep its state in changelogs", "Read", "Write")
    yield _all("group", names.workers, "to share partitions, and to commit offsets", "Read")
    yield _one("group", first.generations, "to end a change of generations whose process died", "Read")
    yield _all("transactional-id", names.workers, "to commit each chunk", "Write")
    yield _one("transactional-id", first.generations, "to end a change of generations whose process died", "Write")


def _sink(names: _Names) -> Iterator[Acl]:
    first = names.first
    yield _one("topic", names.topics.raw, "to store webhooks", "Read")
    yield _one("topic", first.generations, "to follow the live generation", "Read")
    for topic in names.derived:
        letters: tuple[Operation, ...] = ("Read", "Write") if topic == first.dead_letters else ("Read",)
        reason = "to store dead letters, and to write its own" if len(letters) > 1 else "to store what is computed"
        yield _all("topic", topic, reason, *letters)
    yield _all("group", names.sinks, "to share partitions, and to commit offsets", "Read")
    yield _one("group", first.generations, "to see whether a change of generations is under way", "Describe")


def _forward(names: _Names) -> Iterator[Acl]:
    first = names.first
    yield _one("topic", first.completions, "to tell who finished a tutorial", "Read")
    yield _one("topic", first.stuck, "to write down who is stuck, and to tell it", "Read", "Write")
    yield _one("topic", first.forwarders, "to follow pauses, and to write one after a 410", "Read", "Write")
    yield _one("topic", first.generations, "to follow the live generation", "Read")
    yield _all("topic", first.dead_letters, "to give messages up, and to know those given up", "Read", "Write")
    yield _all("group", first.forward_group(""), "to share partitions, and to commit offsets", "Read")
    yield _one("group", first.generations, "to see whether a change of generations is under way", "Describe")
    yield _one("transactional-id", first.stuck_writer, "to write down who is stuck", "Write")


def _monitor(names: _Names) -> Iterator[Acl]:
    yield _one("topic", names.first.generations, "to follow the live generation", "Read")
    yield _one("topic", names.topics.raw, "to tell what waits, and for how long", "Read", "DescribeConfigs")
    for topic in names.derived:
        yield _all("topic", topic, "to tell what waits, and for how long", "Read", "DescribeConfigs")
    yield _all("group", names.workers, "to tell how far workers are", "Describe")
    yield _all("group", names.sinks, "to tell how far sinks are", "Describe")


def _sync(names: _Names) -> Iterator[Acl]:
    yield _one("topic", names.first.ignore_rules, "to follow all reference topics", "Read")
    yield _all("topic", names.directory, "to compare the directory with the LMS, and to write it", "Read", "Write")


def _setup(names: _Names) -> Iterator[Acl]:
    first = names.first
    yield _all("topic", names.prefix, "to make topics, and to bring them up to date", "Create", "Alter", "AlterConfigs")
    yield _one("topic", first.generations, "to note the raw topic and the key of pseudonyms", "Read", "Write")
    yield _one("group", first.generations, "to see whether a change of generations is under way", "Describe")
    yield _all("group", names.workers, "to see which raw topic workers have read", "Describe")
    yield _one("transactional-id", first.generations, "to note the raw topic", "Write")


def _operator(names: _Names) -> Iterator[Acl]:
    every = names.prefix
    topic: tuple[Operation, ...] = ("Read", "Write", "Create", "Delete", "Alter", "AlterConfigs")
    yield _all("topic", every, "for every command: replay, forget, raw, rules, directory, token", *topic)
    yield _all("group", every, "to replay, and to delete generations", "Read", "Delete")
    yield _all("transactional-id", every, "to replay, to change rules, to resolve dead letters", "Write")


def _lms(names: _Names) -> Iterator[Acl]:
    for kind in (name for name in REFERENCE if name.startswith("directory.") and not name.endswith("tokens")):
        yield _one("topic", f"{names.prefix}{kind}", "to tell of the directory", "Write")
    yield _one("topic", names.first.completions, "to learn of completions", "Read")
    yield _all("group", f"{names.prefix}lms", "to keep how far it has read", "Read")


_ROWS: Final = {
    Part.GATEWAY: _gateway,
    Part.WORKER: _worker,
    Part.SINK: _sink,
    Part.FORWARD: _forward,
    Part.MONITOR: _monitor,
    Part.SYNC: _sync,
    Part.SETUP: _setup,
    Part.OPERATOR: _operator,
    Part.LMS: _lms,
}
