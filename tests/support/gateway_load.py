"""A steady load of numbered events on a gateway, and what became of each."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.support.http_directory import secret
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RATE", "STUDENTS", "Load"]

STUDENTS: Final = 40
RATE: Final = 200

_ME: Final = "/v1/assignment/me/telemetry"
_FIRST: Final = 1_734_600_000_000


def _compilation(student: int, number: int) -> str:
    """A streamed event whose fact begins at a time of its own."""
    event = {
        "user_id": 10_000 + student,
        "telemetry_id": f"t{student}",
        "slug": "step",
        "package_slug": "outage",
        "step_position": 0,
        "event": "compile",
        "data": {"starting_at": _FIRST + number, "exit_code": 0, "n": number},
    }
    return json.dumps(event)


class Load:
    """Students who each send numbered events one after the other; together at a steady rate.

    `body` makes what a student sends as a number of `numbers`. `accepted` are the numbers that were answered `ok`,
    `times` when each was.
    """

    def __init__(
        self,
        bind: str,
        rate: float = RATE,
        body: Callable[[int, int], str] = _compilation,
        numbers: Iterator[int] | None = None,
    ) -> None:
        host, _, port = bind.partition(":")
        self._address = host, int(port)
        self._numbers = itertools.count() if numbers is None else numbers
        self._rate = rate
        self._body = body
        self.accepted: list[int] = []
        self.times: list[float] = []
        self.refused: Counter[int] = Counter()
        self.unanswered = 0
        self._over = False

    async def run(self) -> None:
        """Send until `stop`, and wait for all answers."""
        await asyncio.gather(*(self._student(student) for student in range(STUDENTS)))

    def stop(self) -> None:
        """Send nothing more."""
        self._over = True

    async def grows(self, webhooks: float) -> None:
        """Wait until so many more are accepted: how long that takes is the machine's business."""
        wanted = len(self.accepted) + webhooks

        async def grown() -> bool:
            return len(self.accepted) >= wanted

        await aeventually(grown, 180, f"{wanted:g} accepted webhooks")

    async def _student(self, student: int) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._over:
            begin = time.monotonic()
            number = next(self._numbers)
            try:
                if connection is None:
                    connection = await asyncio.open_connection(*self._address)
                status = await asyncio.wait_for(self._send(*connection, student, number), 30)
            except (OSError, asyncio.IncompleteReadError):
                # Nobody knows what became of it; LearnPack's clients do not ask again either.
                self.unanswered += 1
                if connection is not None:
                    connection[1].close()
                connection = None
            else:
                if status == 200:
                    self.accepted.append(number)
                    self.times.append(time.monotonic())
                else:
                    self.refused[status] += 1
            await asyncio.sleep(max(0.05, begin + STUDENTS / self._rate - time.monotonic()))
        if connection is not None:
            connection[1].close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, student: int, number: int) -> int:
        body = self._body(student, number)
        head = f"POST {_ME}?token={secret('staff')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        writer.write((head + body).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer)
        await reader.readexactly(int(length[1]) if length else 0)
        return int(answer[9:12])
