"""Runs several processes of one part: forked, started again when they die, ended together.

They are forked and not started anew, so that what they share (a socket that listens, a lock, loaded code) is theirs at
once: a process that was killed is back before its callers have noticed. This one has no other threads and no event
loop, or forking would not be safe. None outlives it: the kernel kills them when it is gone, however it went, also one
that hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

import structlog

from deploy.run.restarts import RestartPolicy
from deploy.run.signals import signal_name
from schemas.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkProcess

__all__ = ["Fork", "Forks"]

_log: Final = structlog.stdlib.get_logger("processes")

_FORK: Final = multiprocessing.get_context("fork")
_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_SIGNALS: Final = (*_ENDING, signal.SIGCHLD)
# Below the 30 s that most supervisors give this one.
_PATIENCE_SECONDS: Final = 20.0
# From <sys/prctl.h>.
_PR_SET_PDEATHSIG: Final = 1
# How one ends that is told to: in good order, or before it could begin.
_ENDED: Final = frozenset({0, *(-number for number in _ENDING)})


@dataclass(frozen=True, slots=True)
class Fork:
    """What a process is told: which it is, from 1; whom to tell it is ready."""

    number: int
    tell_ready: Callable[[], None]


class _Place:
    """One of the processes, or whoever comes after it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: ForkProcess | None = None
        self.told: Connection | None = None
        self.ready = False
        self.in_a_row = 0
        self.started = self.again_at = 0.0


class Forks:
    """Keeps `count` processes of a part running until SIGTERM or SIGINT.

    `work` is what each does, in the child; what it returns is the exit code. `all_ready` is called when all of them are
    ready, `none_ready` when none is any more, `ended` with the number of one that has ended, before another is started.
    One that has not ended `patience` seconds after it was told to is killed.
    """

    def __init__(
        self,
        name: str,
        count: int,
        work: Callable[[Fork], int],
        *,
        all_ready: Callable[[], None],
        none_ready: Callable[[], None],
        ended: Callable[[int], None],
        policy: RestartPolicy | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._name = name
        self._work = work
        self._all_ready, self._none_ready, self._ended = all_ready, none_ready, ended
        self._policy = policy or RestartPolicy()
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._complete = self._stopping = False
        self._patience = patience
        self._kill_at: float | None = None
        self._code = int(ExitCode.OK)

    def run(self, closing: Callable[[], None]) -> int:
        """Run until told to end, or until one of the processes cannot start; returns the exit code.

        `closing` is called before the processes are told to end.
        """
        with self._signalled() as woken:
            while not self._stopping or self._running():
                if not self._stopping:
                    self._start_due()
                wait(self._awaited(woken), self._pause())
                self._kill_due()
                if _ENDING.intersection(_received(woken)):
                    self._end(closing)
                for place in self._places:
                    self._hear(place)
                    self._bury(place, closing)
        return self._code

    def _awaited(self, woken: socket.socket) -> list[Any]:
        told = [place.told for place in self._places if place.told is not None]
        return [woken, *told, *(place.process.sentinel for place in self._places if place.process is not None)]

    def _pause(self) -> float | None:
        """How long to wait for what happens by itself, None where nothing does."""
        due = [place.again_at for place in self._places if place.process is None and not self._stopping]
        if self._kill_at is not None:
            due.append(self._kill_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _running(self) -> bool:
        return any(place.process is not None for place in self._places)

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.process is None and place.again_at <= now:
                told, telling = multiprocessing.Pipe(duplex=False)
                arguments = (place.number, os.getpid(), telling)
                place.process = _FORK.Process(target=self._child, args=arguments, name=f"{self._name} {place.number}")
                place.told, place.ready, place.started = told, False, now
                # What is signalled meanwhile waits until the child has let go of this process's handlers.
                signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
                try:
                    place.process.start()
                finally:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
                telling.close()

    def _child(self, number: int, parent: int, telling: Connection) -> None:
        _die_with(parent)
        signal.set_wakeup_fd(-1)
        for sort in _SIGNALS:
            signal.signal(sort, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        structlog.contextvars.bind_contextvars(process=number)
        raise SystemExit(self._work(Fork(number, lambda: telling.send_bytes(b"ready"))))

    def _hear(self, place: _Place) -> None:
        """Take note of a process that is ready."""
        if place.told is None or not place.told.poll():
            return
        with contextlib.suppress(EOFError):
            place.told.recv_bytes()
            place.ready = True
        place.told.close()
        place.told = None
        if all(other.ready for other in self._places):
            self._complete = True
            self._all_ready()

    def _bury(self, place: _Place, closing: Callable[[], None]) -> None:
        """Decide what becomes of a process that has ended."""
        if place.process is None or (code := place.process.exitcode) is None:
            return
        place.process.close()
        was_ready, place.process, place.ready = place.ready, None, False
        self._ended(place.number)
        if not any(other.ready for other in self._places):
            self._none_ready()
        if self._stopping:
            self._code = self._code or int(code not in _ENDED)
            return
        restart = self._policy.decide(place.in_a_row, time.monotonic() - place.started if was_ready else 0.0)
        place.in_a_row, place.again_at = restart.in_a_row, time.monotonic() + restart.delay
        how = f"exit code {code}" if code >= 0 else signal_name(-code)
        if not self._complete and not was_ready and (code > 0 or restart.alarming):
            _log.critical(
                "a process could not start: all end; what it says is above", which=self._which(place), how=how
            )
            self._code = int(ExitCode.FAILED)
            self._end(closing)
            return
        _log.error(
            "a process ended and starts again",
            which=self._which(place),
            how=how,
            in_a_row=restart.in_a_row,
            seconds=restart.delay,
        )

    def _which(self, place: _Place) -> str:
        return f"{place.number} of {len(self._places)}"

    def _end(self, closing: Callable[[], None]) -> None:
        if not self._stopping:
            closing()
            self._kill_at = time.monotonic() + self._patience
        self._stopping = True
        for place in self._places:
            if place.process is not None:
                place.process.terminate()

    def _kill_due(self) -> None:
        """Kill what was told to end and hangs."""
        if self._kill_at is None or time.monotonic() < self._kill_at:
            return
        self._kill_at = None
        for place in self._places:
            if place.process is not None and place.process.exitcode is None:
                _log.error("a process does not end and is killed", which=self._which(place), seconds=self._patience)
                place.process.kill()

    @contextlib.contextmanager
    def _signalled(self) -> Iterator[socket.socket]:
        """A socket that gets the number of each signal."""
        woken, waking = socket.socketpair()
        with woken, waking:
            woken.settimeout(0)
            waking.settimeout(0)
            wakeup = signal.set_wakeup_fd(waking.fileno())
            handlers = {sort: signal.signal(sort, lambda *_: None) for sort in _SIGNALS}
            try:
                yield woken
            finally:
                for sort, handler in handlers.items():
                    signal.signal(sort, handler)
                signal.set_wakeup_fd(wakeup)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, as a signal that can be neither caught nor put off."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # It ended before the kernel knew.
        os.kill(os.getpid(), signal.SIGKILL)


def _received(woken: socket.socket) -> set[int]:
    try:
        return set(woken.recv(4096))
    except BlockingIOError:
        return set()
