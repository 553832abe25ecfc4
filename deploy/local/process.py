"""A server of the local stack as a child process: start, wait until it answers, stop, kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from deploy.local.errors import LocalStackError
from deploy.local.progress import silent

if TYPE_CHECKING:
    from types import TracebackType

    from deploy.local.progress import Progress

__all__ = ["LocalServer"]

_POLL_SECONDS = 0.05
_TAIL_BYTES = 2_000


class LocalServer(ABC):
    """A server that keeps its data in one directory and listens on the loopback address.

    A supervisor calls `prepare`, runs `command()` with `env()` itself and awaits `wait_ready`;
    scripts and tests use it as a context manager, which does all three.
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 120
    stop_seconds: ClassVar[float] = 15

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory).absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """Where the output of a server started by `start` goes."""
        return self.directory / "output.log"

    @property
    def pid(self) -> int:
        """The process id of the running server; raises LocalStackError if `start` was not called."""
        if self._process is None:
            message = f"{self.name} is not running: call start() first."
            raise LocalStackError(message)
        return self._process.pid

    @abstractmethod
    def prepare(self, progress: Progress = silent) -> None:
        """Make everything ready that the first start needs; blocks, and raises LocalStackError if it cannot."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line of the server, after `prepare`."""

    @abstractmethod
    def env(self) -> dict[str, str]:
        """The whole environment of the server."""

    @abstractmethod
    async def answers(self) -> bool:
        """Whether the server answers a request now."""

    async def wait_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the message needs the limit
        """Wait until the server answers; raises LocalStackError after `timeout` seconds, or at once if it has ended."""
        limit = self.start_seconds if timeout is None else timeout
        deadline = time.monotonic() + limit
        while not await self.answers():
            if self._process is not None and (code := self._process.poll()) is not None:
                message = f"{self.name} ended with code {code} while starting.{self._last_words()}"
                raise LocalStackError(message)
            if time.monotonic() > deadline:
                message = f"{self.name} did not answer within {limit:g} s.{self._last_words()}"
                raise LocalStackError(message)
            await asyncio.sleep(_POLL_SECONDS)

    def start(self) -> Self:
        """Prepare, start the server as a child of this process and block until it answers."""
        self.prepare()
        self.spawn()
        try:
            # A thread of its own: the caller's may have an event loop, running or not.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, self.wait_ready()).result()
        except BaseException:
            self.kill()
            raise
        return self

    def spawn(self) -> None:
        """Start the prepared server as a child in a session of its own, without waiting for it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self.command(),
                env=self.env(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the server in good order, by force after `stop_seconds`."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _last_words(self) -> str:
        if self._process is None:
            return ""
        tail = self.log_file.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        last = tail.splitlines()[-1] if tail else "nothing"
        return f" Its log {self.log_file} ends with: {last}"
