"""Posts webhooks over kept connections as fast as they are answered: `python -m bench.gateway_load` in the benchmark.

Reads one JSON object from standard input: `{"port", "seconds", "connections", "token", "kind": "events"|"batches"}`;
writes one: `{"requests", "bytes", "seconds", "p50", "p99", "statuses"}` (latencies in seconds, bytes of bodies).
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import uvloop

__all__ = ["bodies"]

_DOCUMENTS = Path(__file__).parents[1] / "tests" / "data" / "documents.ndjson.gz"
_FIRST_USER = 20_000
_EVENTS = 2_000


def bodies(kind: str) -> list[bytes]:
    """Bodies to post: streamed compilations of many students, or real documents each of a student of its own."""
    if kind == "events":
        return [
            json.dumps(
                {
                    "slug": f"{number % 20:02}-step",
                    "telemetry_id": f"telemetry-{number % 500}",
                    "user_id": _FIRST_USER + number % 500,
                    "step_position": number % 20,
                    "event": "compile",
                    "data": {
                        "exit_code": number % 3,
                        "starting_at": 1_734_600_000_000 + number,
                        "ended_at": "2024-12-19T15:17:49.242Z",
                        "source_code": "cHJpbnQoJ0hlbGxvIHdvcmxkJyk=",
                        "stdout": "SGVsbG8gd29ybGQK",
                    },
                }
            ).encode()
            for number in range(_EVENTS)
        ]
    rows = [json.loads(line) for line in gzip.decompress(_DOCUMENTS.read_bytes()).splitlines()]
    return [json.dumps({"user_id": _FIRST_USER + row["history"], **row["document"]}).encode() for row in rows]


class _Client(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self.load = load
        self.answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by isinstance: uvloop's are none of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self._post()

    def _post(self) -> None:
        request, self.size = next(self.load.requests)
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        head = self.answer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(self.answer[:head].lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.answer) < head + 4 + length:
            return
        now = time.perf_counter()
        self.load.note(int(self.answer[9:12]), now - self.began, self.size)
        self.answer = b""
        if now < self.load.end:
            self._post()
        else:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self.load.open -= 1
        if not self.load.open:
            self.load.done.set()


class _Load:
    def __init__(self, order: dict[str, Any]) -> None:
        path = "/v1/assignment/me/telemetry?asset_id=318"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAuthorization: Token {order['token']}\r\n"
        )
        prepared = [
            (f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, len(body)) for body in bodies(order["kind"])
        ]
        random.Random(1).shuffle(prepared)  # noqa: S311 - to be repeated
        self.requests = itertools.cycle(prepared)
        self.end = time.perf_counter() + order["seconds"]
        self.open = order["connections"]
        self.done = asyncio.Event()
        self.bytes = 0
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()

    def note(self, status: int, seconds: float, size: int) -> None:
        self.statuses[status] += 1
        self.seconds.append(seconds)
        self.bytes += size


async def _run(order: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    load = _Load(order)
    began = time.perf_counter()
    for _ in range(order["connections"]):
        await loop.create_connection(lambda: _Client(load), "127.0.0.1", order["port"])
    await load.done.wait()
    taken = time.perf_counter() - began
    ordered = sorted(load.seconds)
    return {
        "requests": len(ordered),
        "bytes": load.bytes,
        "seconds": taken,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "statuses": dict(load.statuses),
    }


if __name__ == "__main__":
    json.dump(uvloop.run(_run(json.load(sys.stdin))), sys.stdout)
