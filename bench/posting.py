"""Posts webhooks at a steady rate over kept connections, notes when each was sent, and finds when it can be read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import httpx
import orjson

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Posted", "Poster", "find"]

# At 1,000 webhooks/s a student then sends one every ten seconds.
_STUDENTS: Final = 10_000
_CLIENTS: Final = 32


@dataclass(slots=True)
class Posted:
    """Webhooks asked for, those answered `ok`, and by its number when each was sent (monotonic seconds)."""

    asked: int = 0
    answered: int = 0
    at: dict[int, float] = field(default_factory=dict)


class _Connection(asyncio.Protocol):
    """A kept connection for one request after another; a client library would cost more than the gateway."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def send(self, request: bytes) -> int:
        """The status of the answer."""
        if self._transport is None or self._transport.is_closing():
            message = "the gateway closed the connection"
            raise ConnectionError(message)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._received = b""
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the gateway closed the connection"))


class Poster:
    """Posts compilations to a gateway; the number of a webhook is its fact's duration in milliseconds."""

    def __init__(self, url: str, token: str) -> None:
        self._address = urlsplit(url)
        self._head = (
            f"POST /v1/assignment/me/telemetry HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
            f"Authorization: Token {token}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._pool: asyncio.Queue[_Connection] = asyncio.Queue()

    async def connect(self) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        host, port = str(self._address.hostname), self._address.port or 80
        for _ in range(_CLIENTS):
            self._pool.put_nowait((await loop.create_connection(_Connection, host, port))[1])

    async def post(self, numbers: range, rate: float, posted: Posted) -> None:
        """Post the webhooks of these numbers, so many a second; returns when all are answered."""
        base, started = int(time.time() * 1000), time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        for number in numbers:
            await asyncio.sleep(max(0.0, started + (number - numbers.start) / rate - time.monotonic()))
            task = asyncio.create_task(self._one(number, base, posted))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            posted.asked += 1
        await asyncio.gather(*tasks)

    async def _one(self, number: int, base: int, posted: Posted) -> None:
        body = {
            "slug": "step",
            "package_slug": "tutorial",
            "telemetry_id": f"run-{number % _STUDENTS}",
            "user_id": number % _STUDENTS + 1,
            "step_position": 1,
            "event": "compile",
            "data": {"exit_code": 0, "starting_at": base - number, "ended_at": base, "source_code": "", "stdout": ""},
        }
        data = orjson.dumps(body)
        posted.at[number] = time.monotonic()
        connection = await self._pool.get()
        status = await connection.send(b"%b%d\r\n\r\n%b" % (self._head, len(data), data))
        self._pool.put_nowait(connection)
        posted.answered += status == httpx.codes.OK


async def find(
    client: Client, table: str, posted: Posted, seconds: list[float], over: asyncio.Event, *, pause: float
) -> None:
    """Add to `seconds`, for each webhook that was posted, how long after its POST a SELECT finds its fact.

    Asks the table again and again, so many seconds after an answer, until it is over.
    """
    # Rows are asked for by when they were written, with an overlap, from the table: the view has no such column.
    query = (
        f"SELECT duration_ms, written_at FROM {table}"  # noqa: S608 - a name of our own
        " WHERE written_at > fromUnixTimestamp64Micro({since:Int64}) AND event = 'compile' AND asset_slug = 'tutorial'"
    )
    since = int(time.time() * 1e6)
    seen: set[int] = set()
    while not over.is_set():
        rows = (await asyncio.to_thread(client.query, query, {"since": since})).result_rows
        now = time.monotonic()
        for number, written in rows:
            if number not in seen and number in posted.at:
                seen.add(number)
                seconds.append(now - posted.at[number])
            since = max(since, int(written.timestamp() * 1e6) - 2_000_000)
        await asyncio.sleep(pause)
