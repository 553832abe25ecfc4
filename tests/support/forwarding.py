"""A forwarder's process with topics of its own, a receiver, and completions for it to tell."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from deploy.local.resources import free_port
from operations.topics import setup_topics
from schemas.wire.topics import Topics
from tests.chaos.kafka import committed, ends, transact
from tests.support.commands import as_environment
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes
    from tests.support.webhook_receiver import Post, Receiver

__all__ = ["ForwardBench", "completed", "in_order"]


def completed(student: int, task: int) -> dict[str, Any]:
    """A completion of a student, which its task tells from others."""
    return {
        "user_id": student,
        "actor": str(student),
        "asset_slug": "loops",
        "asset_id": 5,
        "webhook_id": task,
        "completed_at": 1_772_438_400_000 + task,
        "tasks": [task],
        "task_status": "DONE",
        "revision_status": "APPROVED",
    }


def in_order(posts: Iterable[Post]) -> dict[str, list[int]]:
    """The tasks by student, in the order in which they were first there."""
    found: dict[str, list[int]] = defaultdict(list)
    for post in posts:
        if (task := post.data["tasks"][0]) not in found[post.data["actor"]]:
            found[post.data["actor"]].append(task)
    return dict(found)


@dataclass(slots=True)
class ForwardBench:
    """Topics of one test, and forwarders over them."""

    settings: Settings
    processes: Processes
    directory: Path
    receiver: Receiver
    topics: Topics = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)
    metrics_port: int = 0
    _told: int = 0

    def __post_init__(self) -> None:
        self.topics = Topics.of(self.settings)

    async def setup(self) -> None:
        """Create topics."""
        await setup_topics(self.settings)

    async def start(self, name: str = "lms", **settings: str) -> Child:
        """Start a forwarder and wait until it is ready."""
        self.metrics_port = free_port()
        ready = self.directory / f"{name}.ready"
        ready.unlink(missing_ok=True)
        own = {f"TELEMETRY_FORWARD_{key.upper()}": value for key, value in settings.items()}
        child = self.processes.start(
            [sys.executable, "-m", "deploy.cli", "forward", "--name", name, "--ready-file", str(ready)],
            {
                **as_environment(self.settings),
                "TELEMETRY_FORWARD_URL": self.receiver.url,
                "TELEMETRY_FORWARD_SECRET": SECRET,
                "TELEMETRY_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
                **self.environment,
                **own,
            },
            self.directory,
        )

        async def there() -> bool:
            return ready.exists() or child.process.poll() is not None

        await aeventually(there, 60, "a forwarder that is ready")
        assert ready.exists(), child.output
        return child

    async def tell(self, *students: int) -> None:
        """Tell a completion of each, on the student's partition, in one transaction; tasks are counted from 1."""
        records = []
        for student in students:
            self._told += 1
            value = orjson.dumps(completed(student, self._told))
            records.append((student % self.settings.partitions, f"{student}:loops".encode(), value))
        await transact(self.settings.kafka, self.topics.completions, records, commit=True)

    async def until_taken(self, count: int, seconds: float = 60) -> list[Post]:
        """The posts, once so many different messages were taken."""

        async def taken() -> bool:
            return len({post.id for post in self.receiver.taken()}) >= count

        try:
            await aeventually(taken, seconds, f"{count} messages taken")
        except AssertionError as error:
            said = [child.output[-3000:] for child in self.processes.children]
            message = f"{error}; the forwarders said {said}"
            raise AssertionError(message) from error
        return self.receiver.taken()

    async def until_committed(self, name: str = "lms") -> None:
        """Wait until nothing is left to tell."""
        group, topic, many = self.topics.forward_group(name), self.topics.completions, self.settings.partitions

        async def all_of_it() -> bool:
            kafka = self.settings.kafka
            done, there = await asyncio.gather(committed(kafka, group, topic, many), ends(kafka, topic, many))
            return all(done[number] >= there[number] for number in range(many))

        await aeventually(all_of_it, 60, "everything committed")
