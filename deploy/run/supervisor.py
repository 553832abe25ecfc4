"""Runs the parts of a system as child processes: starts them in order, restarts what dies, stops all in the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from deploy.run.child import Child, Part, in_groups
from deploy.run.guardian import MARK_VARIABLE, end_processes
from deploy.run.listening import Kind, Listeners, Notice
from deploy.run.metrics import counted_end
from deploy.run.restarts import Restart, RestartPolicy
from deploy.run.signals import signal_name
from operations.restart_record import RestartRecord
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from deploy.run.listening import Listener

__all__ = ["Part", "RestartPolicy", "Supervisor", "SupervisorError"]

_STOP_SECONDS: Final = 9.0
_LEAST_STOP_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 0.5
# Within this, signals are one press of a key.
_ONE_KEY_SECONDS: Final = 0.5
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class SupervisorError(OperatorError):
    """A critical part could not be started; the text is one line that says which and why.

    Attributes:
        part: Which.
        last_lines: What it wrote last.
    """

    def __init__(self, part: str, problem: str, last_lines: Sequence[str] = ()) -> None:
        """Tell of a part's problem."""
        super().__init__(f"{part} did not start: {problem}")
        self.part = part
        self.last_lines = tuple(last_lines)


class Supervisor:
    """Keeps a list of parts running until a signal or `stop()`; one part's failure leaves the others up."""

    def __init__(
        self,
        parts: Sequence[Part],
        *listeners: Listener,
        policy: RestartPolicy | None = None,
        stop_seconds: float = _STOP_SECONDS,
        record: Path | None = None,
    ) -> None:
        """Prepare to run `parts`; all of them are stopped within `stop_seconds` in the end.

        `listeners` get what the parts write and what is to be said of them. `record` is a file that says how each part
        is while they run, see operations.restart_record.
        """
        self._parts = list(parts)
        self._listeners = Listeners(listeners)
        self._policy = policy or RestartPolicy()
        self._stop_seconds = stop_seconds
        self._mark = uuid.uuid4().hex
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._signalled_at = -_ONE_KEY_SECONDS
        self._record = RestartRecord(record)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run now."""
        return {name: child.pid for name, child in self._children.items()}

    def stop(self) -> None:
        """End the run; a second call does not wait for the parts to end in good order."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _signalled(self) -> None:
        """End the run: Ctrl-C reaches a whole group, and who runs this in it may pass it on once more."""
        now = time.monotonic()
        if now - self._signalled_at >= _ONE_KEY_SECONDS:
            self._signalled_at = now
            self.stop()

    async def stop_parts(self) -> None:
        """Stop every part and start none again, while the run goes on."""
        await self._stop_all()

    async def run(self, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start the parts, each group when the one before it is ready; await `then`; keep all running until the end.

        Returns after SIGINT, SIGTERM or `stop()`, when all parts have ended. Raises SupervisorError if a critical part
        did not start, and what `then` raises; the parts have ended then as well. A part that ends later is started
        again, for ever.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._signalled)
        try:
            async with self._guarded():
                await self._supervise(then)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    @contextlib.asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        guardian = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.run.guardian",
            self._mark,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield
        finally:
            await asyncio.to_thread(end_processes, self._mark, _SWEEP_SECONDS)
            if guardian.stdin is not None:
                guardian.stdin.close()
            await guardian.wait()

    async def _supervise(self, then: Callable[[], Awaitable[None]] | None) -> None:
        work = asyncio.create_task(self._work(then))
        stopping = asyncio.create_task(self._stop.wait())
        pending: set[asyncio.Task[Any]] = {work, stopping}
        try:
            while True:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if work in done:
                    work.result()
                if stopping in done:
                    return
        finally:
            await _cancel(work, stopping)
            if self._stop.is_set():
                self._say(Kind.STOPPING, "", "all parts are told to end")
            await self._stop_all()
            self._record.close()

    async def _work(self, then: Callable[[], Awaitable[None]] | None) -> None:
        for group in in_groups(self._parts, lambda part: part.together):
            started = await asyncio.gather(*map(self._start_first, group), return_exceptions=True)
            for problem in started:
                if isinstance(problem, BaseException):
                    raise problem
        if then is not None:
            await then()

    async def _start_first(self, part: Part) -> None:
        """Start a part, again and again if it is critical and killed; what is not critical is told and tried on."""
        in_a_row = 0
        while True:
            child, problem = await self._attempt(part)
            if not problem or not part.critical:
                break
            restart = self._policy.decide(in_a_row, 0.0)
            in_a_row = restart.in_a_row
            # A part that exits would do so again; a signal says nothing about the part.
            if child is None or not child.signalled or restart.alarming:
                raise SupervisorError(part.name, problem, child.last_lines if child is not None else ())
            self._record.ended(part.name, problem)
            told = f"{part.name} ended while it started and starts again in {restart.delay:g} s: {problem}"
            self._say(Kind.ENDED, part.name, told, last_lines=tuple(child.last_lines))
            await asyncio.sleep(restart.delay)
        self._keepers.append(asyncio.create_task(self._keep(part, child, problem), name=f"keeper of {part.name}"))

    async def _attempt(self, part: Part) -> tuple[Child | None, str]:
        """Start a part and wait until it is ready; the child, unless there is none, and what is wrong if it is not.

        Whatever goes wrong is the part's problem, and it has ended then.
        """
        child = None
        self._say(Kind.STARTS, part.name, f"{part.name} starts")
        try:
            child = await self._start(part)
            problem = await self._until_ready(child)
        except OSError as error:
            problem = f"it could not be started: {part.command[0]}: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - none of it may end what keeps the parts
            problem = f"{type(error).__name__}: {error}"
            if child is not None:
                await child.kill()
        if not problem and child is not None:
            self._record.running(part.name)
            if part.wait_ready is not None:
                self._say(Kind.READY, part.name, f"{part.name} is ready after {child.lived:.1f} s")
        return child, problem

    async def _start(self, part: Part) -> Child:
        child = await Child.start(part, {MARK_VARIABLE: self._mark}, partial(self._listeners.wrote, part.name))
        self._children[part.name] = child
        self._record.starting(part.name, child.pid)
        return child

    async def _until_ready(self, child: Child) -> str:
        """Wait until a part is ready; returns what is wrong if it is not, and the part has ended then."""
        part = child.part
        if part.wait_ready is None:
            return ""
        ready = asyncio.ensure_future(part.wait_ready(part.start_seconds))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=part.start_seconds, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return _epitaph(child, ended.result())
            if not ready.done():
                problem = f"it was not ready within {part.start_seconds:g} s"
            elif error := ready.exception():
                problem = str(error) or f"its readiness check ended with {type(error).__name__}"
            else:
                return ""
            await child.kill()
            return problem
        finally:
            await _cancel(ready, ended)

    async def _keep(self, part: Part, child: Child | None, problem: str) -> None:
        """Start a part again whenever it ends; `problem` is what ended it already, if anything."""
        in_a_row = 0
        while True:
            code = await counted_end(child) if child is not None else 0
            self._children.pop(part.name, None)
            # A start that fails after a minute is no minute in good health.
            restart = self._policy.decide(in_a_row, child.lived if child is not None and not problem else 0.0)
            in_a_row = restart.in_a_row
            last_lines = tuple(child.last_lines) if child is not None else ()
            self._report(part, problem or (_epitaph(child, code) if child is not None else ""), restart, last_lines)
            await asyncio.sleep(restart.delay)
            child, problem = await self._attempt(part)

    def _report(self, part: Part, what: str, restart: Restart, last_lines: tuple[str, ...]) -> None:
        """Tell of a part's end."""
        self._record.ended(part.name, what)
        when = f"and starts again in {restart.delay:g} s"
        if restart.alarming:
            when = f"{restart.in_a_row} times in a row, next try in {restart.delay:g} s"
        told = f"{part.name} ended {when}: {what}"
        self._say(Kind.ENDED, part.name, told, alarming=restart.alarming, last_lines=last_lines)

    async def _stop_all(self) -> None:
        await _cancel(*self._keepers)
        deadline = time.monotonic() + self._stop_seconds
        running = [part for part in self._parts if part.name in self._children]
        groups = [
            [self._children[part.name] for part in group]
            for group in reversed(in_groups(running, lambda part: part.ends_together))
        ]
        for left, group in zip(range(len(groups) - 1, -1, -1), groups, strict=True):
            spare = deadline - time.monotonic() - left * _LEAST_STOP_SECONDS
            await asyncio.gather(*(self._stop_child(child, spare) for child in group))

    async def _stop_child(self, child: Child, spare: float) -> None:
        seconds = 0.0 if self._hurry.is_set() else max(min(child.part.stop_seconds, spare), _LEAST_STOP_SECONDS)
        stopping = asyncio.create_task(child.stop(seconds))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await child.kill()
        if not await stopping:
            self._say(Kind.KILLED, child.part.name, f"{child.part.name} had to be killed")
        await _cancel(hurried)
        self._children.pop(child.part.name, None)

    def _say(
        self, kind: Kind, part: str, text: str, *, alarming: bool = False, last_lines: tuple[str, ...] = ()
    ) -> None:
        self._listeners.told(Notice(kind, part, text, alarming, last_lines))


def _epitaph(child: Child, code: int) -> str:
    how = f"signal {signal_name(-code)}" if code < 0 else f"exit code {code}"
    last = next((line for line in reversed(child.last_lines) if line.strip()), "")
    return f"{how}; its last line: {last}" if last else how


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
