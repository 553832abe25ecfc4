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
from typing import TYPE_CHECKING

import clickhouse_connect
import httpx

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

__all__ = ["Freshness", "measure"]

_START_SECONDS = 120
_REST_SECONDS = 30
_POLL_SECONDS = 0.05
_STUDENTS = 500
_CLIENTS = 32
# A fresh broker compiles its code while it serves the first webhooks.
_WARM_UP_SECONDS = 20


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
        | {"TELEMETRY_RATE_LIMIT": "1000000"},
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


async def _measure(env: dict[str, str], rate: int, seconds: float) -> Freshness:
    found = Freshness()
    posted: dict[int, float] = {}
    client = clickhouse_connect.get_client(dsn=env["TELEMETRY_CLICKHOUSE"], autogenerate_session_id=False)
    headers = {"Authorization": f"Token {env['TELEMETRY_TOKEN']}", "Content-Type": "application/json"}
    limits = httpx.Limits(max_connections=_CLIENTS)
    over = asyncio.Event()
    async with httpx.AsyncClient(base_url=env["TELEMETRY_GATEWAY_URL"], headers=headers, limits=limits) as http:
        warm = _WARM_UP_SECONDS * rate
        await _post(http, rate, range(warm), {}, Freshness())
        watching = asyncio.create_task(_watch(client, posted, found, over))
        await _post(http, rate, range(warm, warm + int(rate * seconds)), posted, found)
        deadline = time.monotonic() + _REST_SECONDS
        while len(found.seconds) < found.answered and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
            await asyncio.sleep(_POLL_SECONDS)
        over.set()
        await watching
    client.close()
    return found


async def _post(http: httpx.AsyncClient, rate: int, numbers: range, posted: dict[int, float], found: Freshness) -> None:
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
        posted[number] = time.monotonic()
        answer = await http.post("/v1/assignment/me/telemetry", json=body)
        found.answered += answer.status_code == httpx.codes.OK

    for number in numbers:
        await asyncio.sleep(max(0.0, started + (number - numbers.start) / rate - time.monotonic()))
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
