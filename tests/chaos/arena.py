"""Workers under load with a supervisor that starts those that died, for the chaos tests."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

import msgspec

from schemas.wire.topics import Topics
from tests.chaos.kafka import create_topics, is_caught_up, members, produce
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from schemas.settings import Settings
    from tests.chaos.load import Webhook
    from tests.chaos.worker_process import WorkerSpec
    from tests.support.processes import Child, Processes

__all__ = ["Arena", "Loader"]

_LOOK_S = 0.1
_END_S = 60.0
# Records that are kept back until the faults are over.
_LAST = 200


class Loader:
    """Produces webhooks from a thread, at a pace; the last of them after the faults, however long those take."""

    def __init__(self, settings: Settings, webhooks: Sequence[Webhook], pause_every: int, pause_s: float) -> None:
        """Begin at once."""
        self._settings = settings
        self._pace = pause_every, pause_s
        self._sent, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._send, args=(webhooks,), daemon=True)
        self._thread.start()

    def pause(self, seconds: float) -> None:
        """Wait for so long, or until nothing but the last webhooks is left to send."""
        self._sent.wait(seconds)

    def finish(self) -> None:
        """The faults are over: wait until everything is sent."""
        self._over.set()
        self._thread.join()

    def _send(self, webhooks: Sequence[Webhook]) -> None:
        self._produce(webhooks[:-_LAST])
        self._sent.set()
        self._over.wait()
        self._produce(webhooks[-_LAST:])

    def _produce(self, webhooks: Sequence[Webhook]) -> None:
        records = [(None, one.key, one.value, one.headers) for one in webhooks]
        times = [one.timestamp for one in webhooks]
        raw, (every, seconds) = f"{self._settings.topic_prefix}webhooks.raw", self._pace
        asyncio.run(produce(self._settings.kafka, raw, records, pause_every=every, pause_s=seconds, timestamps=times))


class Arena:
    """Starts workers, starts those again that end, and loads them; what it counts ends in `exits`.

    `rule_since` are the raw topic's ends by partition when a rule was changed: what comes later is judged by it.
    `standstills` are seconds from when a frozen broker went on until every partition did.
    """

    def __init__(self, settings: Settings, spec: WorkerSpec, processes: Processes, directory: Path) -> None:
        self.settings = settings
        self.exits: Counter[int] = Counter()
        self.rule_since: list[int] | None = None
        self.standstills: list[float] = []
        self._spec = spec
        self._processes = processes
        self._directory = directory
        self._names = itertools.count()
        self._workers: dict[int, Child] = {}
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def __enter__(self) -> Self:
        asyncio.run(create_topics(self.settings))
        self._supervisor.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._supervisor.join()

    @property
    def workers(self) -> list[int]:
        """The workers that should be there, by number."""
        return list(self._workers)

    def add(self) -> int:
        """Start one more worker."""
        number = next(self._names)
        with self._lock:
            self._workers[number] = self._start(number)
        return number

    def remove(self, number: int) -> int:
        """Ask a worker to leave; returns its exit code."""
        with self._lock:
            child = self._workers.pop(number)
        return child.terminate(_END_S)

    def child(self, number: int) -> Child:
        """The worker's process."""
        return self._workers[number]

    def kill(self, number: int) -> None:
        """SIGKILL; the supervisor starts it again."""
        self.child(number).kill()

    def freeze(self, number: int) -> None:
        """SIGSTOP, and SIGCONT when the group goes on without it."""
        self._has_members(len(self._workers))
        child = self.child(number)
        child.freeze()
        self._has_members(len(self._workers) - 1)
        child.thaw()

    def wipe(self, number: int) -> None:
        """Kill a worker and delete its directory before it starts again."""
        with self._lock:
            self.kill(number)
            self._workers[number].process.wait()
            shutil.rmtree(self._data_dir(number), ignore_errors=True)

    def with_all_down(self, action: Callable[[], None]) -> None:
        """Kill every worker, act, and let the supervisor start them again."""
        with self._lock:
            for number in self.workers:
                self.kill(number)
            action()

    def is_ready(self, number: int) -> bool:
        """Whether the worker says that it is."""
        return self._ready_file(number).exists()

    def load(self, webhooks: Iterable[Webhook], *, pause_every: int, pause_s: float) -> Loader:
        """Produce webhooks from a thread, at a pace."""
        return Loader(self.settings, list(webhooks), pause_every, pause_s)

    def wait_until_done(self, timeout: float = 180) -> None:
        """Wait until everything is processed."""
        eventually(lambda: asyncio.run(is_caught_up(self.settings)), timeout, "the workers to catch up")

    def _has_members(self, count: int) -> None:
        group = Topics.of(self.settings).application
        eventually(
            lambda: asyncio.run(members(self.settings.kafka, group)) == count, 90, f"{count} workers in the group"
        )

    def _supervise(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            with self._lock:
                for number, child in self._workers.items():
                    if (code := child.process.poll()) is not None:
                        self.exits[code] += 1
                        self._workers[number] = self._start(number)

    def _start(self, number: int) -> Child:
        spec = msgspec.structs.replace(
            self._spec, data_dir=str(self._data_dir(number)), ready_file=str(self._ready_file(number))
        )
        return self._processes.start(spec.command())

    def _data_dir(self, number: int) -> Path:
        return self._directory / f"worker-{number}"

    def _ready_file(self, number: int) -> Path:
        return self._directory / f"worker-{number}.ready"
