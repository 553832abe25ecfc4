"""Sends events in the background: bounded in memory, patient with the gateway, and out of the notebook's way."""

from __future__ import annotations

import os
import random
import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from learnpack_notebook_telemetry.post import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Patience", "Sender", "Status"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is kept and how long is waited, in events and seconds.

    While the gateway does not answer, up to `events` are kept and tried again after pauses that double up to
    `longest_pause`; `linger` lets the cells of one "Run all" go in one call.
    """

    events: int = 1_000
    batch: int = 100
    linger: float = 0.3
    first_pause: float = 1
    longest_pause: float = 30


@dataclass(frozen=True, slots=True)
class Status:
    """How many events the gateway took, how many wait, how many were given up, and the last error."""

    sent: int
    waiting: int
    lost: int
    error: str


class Sender:
    """Gives events to `post` in batches, in order, from a daemon thread of its own.

    Nothing here raises for the gateway's sake, writes anything, or keeps the caller waiting, except `flush` and
    `close` for as long as they are told.

    Raises:
        RuntimeError: No thread can be started here.
    """

    def __init__(self, post: Callable[[Sequence[bytes]], Answer], patience: Patience | None = None) -> None:
        self._post = post
        self._patience = patience or Patience()
        self._process = os.getpid()
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._hurried = 0
        self._sent = 0
        self._lost = 0
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="learnpack-notebook-telemetry", daemon=True)
        self._thread.start()

    @property
    def status(self) -> Status:
        """What has come of the events so far."""
        with self._changed:
            return Status(self._sent, len(self._waiting), self._lost, self._error)

    def put(self, event: bytes) -> bool:
        """Take an encoded event; False if it is lost, because too many wait or the sender is closed."""
        # A forked child has the queue and its lock, perhaps held, but not the thread.
        if os.getpid() != self._process:
            return False
        with self._changed:
            if self._closing or len(self._waiting) >= self._patience.events:
                self._lost += 1
                return False
            self._waiting.append(event)
            self._changed.notify_all()
            return True

    def flush(self, timeout: float) -> bool:
        """Hurry, and wait at most `timeout` seconds; whether every event has been dealt with."""
        if os.getpid() != self._process:
            return False
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting, timeout)
            finally:
                self._hurried -= 1

    def close(self, timeout: float) -> bool:
        """Take no more, try what waits once more and give it up if that fails; waits as `flush` does."""
        if os.getpid() != self._process:
            return False
        with self._changed:
            self._closing = True
        return self.flush(timeout)

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            answer = self._attempt(batch)
            with self._changed:
                failures = failures + 1 if answer.again else 0
                self._error = answer.error or self._error
                if answer.again and not self._closing:
                    self._changed.wait_for(lambda: self._closing, self._pause(failures))
                    continue
                done = self._waiting if answer.again else batch
                self._sent += len(done) if answer.accepted else 0
                self._lost += 0 if answer.accepted else len(done)
                for _ in range(len(done)):
                    self._waiting.popleft()
                self._changed.notify_all()

    def _next_batch(self) -> list[bytes]:
        """The events that go next, which stay in the queue; none once all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(self._is_due, self._patience.linger)
            return list(islice(self._waiting, self._patience.batch))

    def _is_due(self) -> bool:
        return self._closing or self._hurried > 0 or len(self._waiting) >= self._patience.batch

    def _pause(self, failures: int) -> float:
        longest = min(self._patience.first_pause * 2.0 ** min(failures - 1, 16), self._patience.longest_pause)
        # A class that was turned away together does not come back together.
        return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def _attempt(self, batch: Sequence[bytes]) -> Answer:
        try:
            return self._post(batch)
        except Exception as error:  # noqa: BLE001 - a thread's traceback would appear in the student's notebook
            return Answer(accepted=False, again=True, error=repr(error))
