"""How long a webhook takes from its POST until a SELECT finds its fact, in the whole system as `up` runs it."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import orjson

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

__all__ = ["Freshness", "measure"]

_START_SECONDS = 120
_REST_SECONDS = 30
_POLL_SECONDS = 0.05
# At 1,000 webhooks/s a student then sends one every ten seconds.
_STUDENTS = 10_000
_CLIENTS = 32
# A fresh broker compiles its code while it serves the first webhooks: a fifth of a core for as long.
_WARM_UP_SECONDS = 60


@dataclass(slots=True)
class Freshness:
    """Webhooks asked for, those answered `ok`, and for each fact that was found the seconds from its POST on."""

    asked: int = 0
    answered: int = 0
    seconds: list[float] = field(default_factory=list)

    def row(self, rate: int) -> str:
        """A row of the table: seconds at the median, at 99 % and at worst."""
        cuts = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [float("nan")] * 99
        worst = max(self.seconds, default=float("nan"))
        return (
            f"| {rate:,} | {self.asked:,} | {self.answered:,} | {cuts[49]:.2f} s | {cuts[98]:.2f} s | {worst:.2f} s |"
        )


def measure(directory: Path, rate: int, seconds: float) -> Freshness:
    """Start the system in a directory, post so many webhooks a second for so long, and stop it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "up", "--data", str(directory)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("TELEMETRY_")}
        | {"TELEMETRY_RATE_LIMIT": "1000000", "TELEMETRY_RATE_LIMIT_BYTES": "10000000000"},
    )
    try:
        env = _environment(directory / "env", process)
        return asyncio.run(_measure(env, rate, seconds))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _environment(file: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists():
            pairs = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
            env = {name: value.strip("'\"") for name, _, value in pairs}
            try:
                if (
                    httpx.get(f"{env['TELEMETRY_GATEWAY_URL']}/health/ready", trust_env=False).status_code
                    == httpx.codes.OK
                ):
                    return env
            except httpx.HTTPError:
                pass
        time.sleep(0.1)
    message = "the system did not become ready; try `learnpack-telemetry up` by hand"
    raise SystemExit(message)


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


async def _measure(env: dict[str, str], rate: int, seconds: float) -> Freshness:
    found = Freshness()
    posted: dict[int, float] = {}
    client = clickhouse_connect.get_client(dsn=env["TELEMETRY_CLICKHOUSE"], autogenerate_session_id=False)
    address = urlsplit(env["TELEMETRY_GATEWAY_URL"])
    head = (
        f"POST /v1/assignment/me/telemetry HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Token {env['TELEMETRY_TOKEN']}\r\nContent-Type: application/json\r\nContent-Length: "
    ).encode()
    loop = asyncio.get_running_loop()
    pool: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(_CLIENTS):
        pool.put_nowait((await loop.create_connection(_Connection, str(address.hostname), address.port or 80))[1])
    load = _Load(pool, head, rate)
    over = asyncio.Event()
    warm = _WARM_UP_SECONDS * rate
    await _post(load, range(warm), {}, Freshness())
    watching = asyncio.create_task(_watch(client, posted, found, over))
    await _post(load, range(warm, warm + int(rate * seconds)), posted, found)
    deadline = time.monotonic() + _REST_SECONDS
    while len(found.seconds) < found.answered and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
        await asyncio.sleep(_POLL_SECONDS)
    over.set()
    await watching
    client.close()
    return found


@dataclass(frozen=True, slots=True)
class _Load:
    pool: asyncio.Queue[_Connection]
    head: bytes
    rate: int


async def _post(load: _Load, numbers: range, posted: dict[int, float], found: Freshness) -> None:
    base = int(time.time() * 1000)
    started = time.monotonic()
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
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
        posted[number] = time.monotonic()
        connection = await load.pool.get()
        status = await connection.send(b"%b%d\r\n\r\n%b" % (load.head, len(data), data))
        load.pool.put_nowait(connection)
        found.answered += status == httpx.codes.OK

    for number in numbers:
        await asyncio.sleep(max(0.0, started + (number - numbers.start) / load.rate - time.monotonic()))
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        found.asked += 1
    await asyncio.gather(*tasks)


async def _watch(client: Client, posted: dict[int, float], found: Freshness, over: asyncio.Event) -> None:
    # The number of a webhook is its fact's duration. Rows are asked for by when they were written, with an overlap.
    query = (
        "SELECT duration_ms, written_at FROM telemetry_g1.events "
        "WHERE written_at > fromUnixTimestamp64Micro({since:Int64}) AND event = 'compile'"
    )
    since = int(time.time() * 1e6)
    seen: set[int] = set()
    while not over.is_set():
        rows = (await asyncio.to_thread(client.query, query, {"since": since})).result_rows
        now = time.monotonic()
        for number, written in rows:
            if number not in seen and number in posted:
                seen.add(number)
                found.seconds.append(now - posted[number])
            since = max(since, int(written.timestamp() * 1e6) - 2_000_000)
        await asyncio.sleep(_POLL_SECONDS)
