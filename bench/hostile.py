"""A course beside hostile callers, in the whole system as `up` runs it: `python -m bench.hostile [--minutes 15]`.

200 students on one ingest key send two events a minute each, while others send what costs the most: documents of very
many compilations, gzip without end, bodies that are only announced, half-open connections, endless queries, wide pages
of the log, and events of one student and of invented ones without pause. What was answered `ok` to the students must be
in ClickHouse with its verdict, and nothing of theirs may be refused. Everything is on loopback and ends with the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import typer

from bench.up import system
from operations.tokens import NewToken, grant
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Found", "run"]

_REST_SECONDS = 120
_PATH = "/v1/assignment/me/telemetry"
_FIRST_STUDENT = 500_000
_STUDENTS = 200
_PAUSE_SECONDS = 30.0
_HALF_OPEN = 1000
_ANNOUNCED = 64


@dataclass
class Found:
    """What became of the students' events, and what the system needed meanwhile."""

    answers: Counter[int] = field(default_factory=Counter)
    hostile: Counter[str] = field(default_factory=Counter)
    settled: int = 0
    done: int = 0
    slowest_live: float = 0.0
    memory: dict[str, int] = field(default_factory=dict)

    def table(self) -> str:
        """The figures as a table."""
        rows = {
            "students' webhooks": sum(self.answers.values()),
            "of them refused": sum(self.answers.values()) - self.answers[200],
            "settled in ClickHouse": self.settled,
            "of them DONE": self.done,
            "slowest /health/live": f"{self.slowest_live:.2f} s",
            **{f"most memory of the {part}": f"{size >> 20} MiB" for part, size in sorted(self.memory.items())},
            "hostile requests": ", ".join(f"{count} x {what}" for what, count in sorted(self.hostile.items())),
        }
        return "\n".join(
            ["| what | figure |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]
        )


def run(directory: Path, minutes: float) -> Found:
    """Start the system in a directory, do all of it for so long, and stop it."""
    with system(directory) as (pid, env):
        return asyncio.run(_run(env, pid, minutes * 60))


async def _run(env: dict[str, str], pid: int, seconds: float) -> Found:
    found = Found()
    settings = Settings(_env_file=None, kafka=env["TELEMETRY_KAFKA"])
    key = await grant(settings, NewToken(None, {1: ()}, datetime.now(UTC), label="bench"))
    url, until = env["TELEMETRY_GATEWAY_URL"], time.monotonic() + seconds
    course = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Token {key}"}, timeout=60, trust_env=False)
    async with course:
        await _in_force(course)
        callers = [_student(course, found, number, until) for number in range(_STUDENTS)]
        hostile: list[Callable[[], Awaitable[None]]] = [
            lambda: _compilations(course, found),
            lambda: _costly(url, key, found),
            lambda: _announced(url, key, found),
            lambda: _half_open(url, found),
            lambda: _queries(url, found),
            lambda: _pages(url, env["TELEMETRY_TOKEN"], found),
            lambda: _flood(course, found),
        ]
        callers += [_again(one, until) for one in hostile]
        await asyncio.gather(*callers, _look(url, pid, found, until))
    await _settle(env, found)
    return found


async def _in_force(client: httpx.AsyncClient) -> None:
    while (await client.post(_PATH, json={"slug": "bench", "user_id": 1})).status_code != httpx.codes.OK:  # noqa: ASYNC110 - it has to ask
        await asyncio.sleep(0.1)


async def _again(one: Callable[[], Awaitable[None]], until: float) -> None:
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError, OSError, asyncio.IncompleteReadError):
            await one()
        await asyncio.sleep(0.05)


async def _student(client: httpx.AsyncClient, found: Found, number: int, until: float) -> None:
    user = _FIRST_STUDENT + number
    base = int(time.time() * 1000)
    document: dict[str, Any] = {
        "telemetry_id": f"bench-{user}",
        "user_id": user,
        "slug": "bench-tutorial",
        "tutorial_started_at": base,
        "steps": [{"slug": "00", "position": 0, "opened_at": base, "compilations": [], "tests": []}],
        "workout_session": [{"started_at": base}],
    }
    await asyncio.sleep(number * _PAUSE_SECONDS / _STUDENTS)
    body = document
    while time.monotonic() < until:
        answer = await client.post(_PATH, json=body)
        found.answers[answer.status_code] += 1
        await asyncio.sleep(_PAUSE_SECONDS)
        now = int(time.time() * 1000)
        body = {
            "telemetry_id": document["telemetry_id"],
            "user_id": user,
            "slug": "00",
            "step_position": 0,
            "event": "compile",
            "data": {"starting_at": now - 1000, "ended_at": now, "exit_code": 0},
        }


async def _compilations(client: httpx.AsyncClient, found: Found) -> None:
    """One student with documents of 165,000 compilations, then with events."""
    now = int(time.time() * 1000)
    items = b",".join(b'{"starting_at":%d,"exit_code":1}' % (now + place) for place in range(100_000))
    body = (
        b'{"telemetry_id":"h","user_id":666,"slug":"hostile","steps":[{"position":0,"slug":"0","compilations":[%b]}]}'
    )
    packed = await asyncio.to_thread(gzip.compress, body % items, 1)
    answer = await client.post(_PATH, content=packed, headers={"Content-Encoding": "gzip"})
    found.hostile[f"compilations {answer.status_code}"] += 1
    await asyncio.sleep(5)


async def _costly(url: str, key: str, found: Found) -> None:
    """Five megabytes of empty gzip members, with and without a token."""
    body = gzip.compress(b"") * ((5 << 20) // 20)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        for path, headers in (("/batch/", {}), (f"{_PATH}?token={key}", {"Content-Encoding": "gzip"})):
            answer = await client.post(path, content=body, headers=headers)
            found.hostile[f"members {answer.status_code}"] += 1


async def _announced(url: str, key: str, found: Found) -> None:
    """Bodies of five megabytes that do not come."""
    heads = [
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {5 << 20}\r\n\r\n{{".encode()
        for path in ("/batch/", f"{_PATH}?token={key}")
    ]
    await _hold(url, [heads[place % 2] for place in range(_ANNOUNCED)], found, "announced")


async def _half_open(url: str, found: Found) -> None:
    """Connections on which a request only begins."""
    await _hold(url, [b"POST / HTTP/1.1\r\nHost: x\r\nX-"] * _HALF_OPEN, found, "half-open")


async def _hold(url: str, sent: list[bytes], found: Found, what: str) -> None:
    address = urlsplit(url)
    writers: list[asyncio.StreamWriter] = []
    try:
        for text in sent:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writers.append(writer)
            writer.write(text)
            found.hostile[what] += 1
        await asyncio.sleep(8)
    finally:
        for writer in writers:
            writer.close()


async def _queries(url: str, found: Found) -> None:
    """Long queries, each another one, without a token."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        for _ in range(100):
            begin = time.monotonic_ns()
            query = "&".join(f"{begin}{place}" for place in range(350))[:8000]
            answer = await client.post(f"{_PATH}?{query}", content=b"{}")
            found.hostile[f"query {answer.status_code}"] += 1


async def _pages(url: str, token: str, found: Found) -> None:
    """The widest page of the log that there is."""
    headers = {"Authorization": f"Token {token}", "Academy": "1"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        answer = await client.get("/v1/assignment/academy/learnpack/webhook", params={"limit": 1000})
        found.hostile[f"page {answer.status_code}"] += 1


async def _flood(client: httpx.AsyncClient, found: Found) -> None:
    """Events of one student, and of many who are invented."""
    for place in range(20):
        user = 667 if place % 2 else time.monotonic_ns()
        answer = await client.post(_PATH, json={"user_id": user, "slug": "0", "event": "compile", "data": {}})
        found.hostile[f"flood {answer.status_code}"] += 1


async def _look(url: str, pid: int, found: Found, until: float) -> None:
    """How long the gateway takes to say that it lives, and how much memory the parts have."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            with contextlib.suppress(httpx.HTTPError):
                await client.get("/health/live")
            found.slowest_live = max(found.slowest_live, time.monotonic() - began)
            for part, size in _memory(pid).items():
                found.memory[part] = max(found.memory.get(part, 0), size)
            await asyncio.sleep(0.5)


def _memory(pid: int) -> dict[str, int]:
    """Resident bytes of the gateway and the worker below a process."""
    sizes: dict[str, int] = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
            part = next((word.decode() for word in words if word in (b"gateway", b"worker")), None)
            if part is not None:
                resident = int(Path(f"/proc/{parent}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                sizes[part] = max(sizes.get(part, 0), resident)
    return sizes


async def _settle(env: dict[str, str], found: Found) -> None:
    client = clickhouse_connect.get_client(dsn=env["TELEMETRY_CLICKHOUSE"], autogenerate_session_id=False)
    sql = (
        "SELECT uniqExactIf(id, status != 'PENDING'), uniqExactIf(id, status = 'DONE') FROM telemetry.webhook_log "  # noqa: S608
        f"WHERE student_id >= {_FIRST_STUDENT} AND student_id < {_FIRST_STUDENT + _STUDENTS}"
    )
    deadline = time.monotonic() + _REST_SECONDS
    while found.settled < found.answers[200] and time.monotonic() < deadline:
        found.settled, found.done = (await asyncio.to_thread(client.query, sql)).result_rows[0]
        await asyncio.sleep(1)
    client.close()


def main(minutes: Annotated[float, typer.Option(min=0.2, max=60, help="How long.")] = 15) -> None:
    """Run it, print the figures, and fail where something of the students' was lost or refused."""
    with tempfile.TemporaryDirectory() as directory:
        found = run(Path(directory), minutes)
    print(found.table())
    if set(found.answers) != {200} or found.done != found.answers[200]:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
