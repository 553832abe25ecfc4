"""One part of the system as a child process of the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "Part", "in_groups"]

_PIECE_BYTES: Final = 64 << 10
_LONGEST_LINE: Final = 64 << 10
_REMEMBERED_LINES: Final = 5
# A process that the part left behind may hold its output open.
_DRAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """What the supervisor has to know of a part.

    `wait_ready` is awaited with the seconds that are left of `start_seconds`; it returns when the part works and
    raises if it will not. `env` is the whole environment. Without a critical part the system cannot start; one with
    `together` starts along with the part before it, one with `ends_together` is told to end along with it. `ready_file`
    is what the part writes when it is ready: it is removed when the part has ended, however it ended.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    wait_ready: Callable[[float], Awaitable[None]] | None = None
    start_seconds: float = 60.0
    stop_seconds: float = 5.0
    critical: bool = False
    together: bool = False
    ends_together: bool = False
    ready_file: Path | None = None


def in_groups(parts: Sequence[Part], joins: Callable[[Part], bool]) -> list[list[Part]]:
    """The parts in their order, each in one list with the part before it if it joins that."""
    groups: list[list[Part]] = []
    for part in parts:
        if groups and joins(part):
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


class Child:
    """A running part, in a session of its own so that the terminal's Ctrl-C does not reach it."""

    def __init__(
        self,
        part: Part,
        process: asyncio.subprocess.Process,
        output: tuple[asyncio.StreamReader, asyncio.BaseTransport],
        write: Callable[[str], None],
    ) -> None:
        """Use `start` instead."""
        self.part = part
        self.started = time.monotonic()
        self.last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._process = process
        self._told = False
        self._write = write
        reader, self._pipe = output
        self._pump = asyncio.create_task(self._read(reader), name=f"output of {part.name}")

    @classmethod
    async def start(cls, part: Part, mark: Mapping[str, str], write: Callable[[str], None]) -> Child:
        """Start the part with `mark` in its environment; `write` gets each line of its output. Raises OSError."""
        # A pipe of our own: asyncio reports the end of a process only when its own pipes are closed, which a process
        # that it left behind may hold open.
        source, sink = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                env={**part.env, **mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        except BaseException:
            os.close(source)
            raise
        finally:
            os.close(sink)
        return cls(part, process, await _open(source), write)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    @property
    def lived(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    @property
    def signalled(self) -> bool:
        """Whether a signal that was not sent from here has ended it."""
        return (self._process.returncode or 0) < 0 and not self._told

    async def wait(self) -> int:
        """Wait for its end, end what is left of its group, and return its exit code (negative: a signal's number)."""
        code = await self._process.wait()
        self._kill_group()
        if self.part.ready_file is not None:
            with contextlib.suppress(OSError):
                self.part.ready_file.unlink(missing_ok=True)
        await asyncio.wait({self._pump}, timeout=_DRAIN_SECONDS)
        self._pump.cancel()
        self._pipe.close()
        return code

    async def stop(self, seconds: float) -> bool:
        """End it: SIGTERM, and SIGKILL to its group after `seconds`; returns whether it ended by itself."""
        self._told = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), seconds)
        except TimeoutError:
            await self.kill()
            return False
        await self.wait()
        return True

    async def kill(self) -> None:
        """End it and its group at once."""
        self._told = True
        self._kill_group()
        await self.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _read(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while piece := await output.read(_PIECE_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._emit(line)
            if len(rest) > _LONGEST_LINE:
                self._emit(rest)
                rest = b""
        if rest:
            self._emit(rest)

    def _emit(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self.last_lines.append(text)
        self._write(text)


async def _open(source: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(source, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport
