"""What traces cost the parts, in processor time for each webhook, at the share that is the default.

`uv run python -m bench.tracing` prints it; a busy machine changes little, for nobody else's time is in it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, Counter

from broker.otel import OtelTracer
from broker.tracing import SPANS
from gateway.ingest.traced import SPAN, Traced
from schemas.wire.topics import Topics
from sinks.writer.block import Block, Piece, Slice
from sinks.writer.routes import raw_route
from sinks.writer.traced import begin_span as begin_block_span
from sinks.writer.traced import with_parents
from streams.traced import begin_span

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARE: Final = 0.01
_WEBHOOKS: Final = 200_000
_AT_ONCE: Final = 500
# Takes everything and looks at nothing, in a process whose time is not counted.
_COLLECTOR: Final = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def _microseconds(work: Callable[[], None]) -> float:
    """Processor time of this process, its threads among it, for each webhook."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / _WEBHOOKS * 1e6


def _traced(target: str, spans: Counter, work: Callable[[OtelTracer], None]) -> float:
    """The same of work with a tracer, until all that waits is sent."""
    tracer = OtelTracer(target, "bench", _SHARE, spans)

    def whole() -> None:
        work(tracer)
        tracer.close()

    return _microseconds(whole)


async def _post(_scope: Any, _receive: Any, send: Any) -> None:
    SPAN.get()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


async def _send(_message: Any) -> None:
    pass


async def _requests(post: Any) -> None:
    scope = {"path": "/v1/assignment/me/telemetry", "headers": [(b"authorization", b"Token 1"), (b"academy", b"1")]}
    for _ in range(_WEBHOOKS):
        await post(scope, None, _send)


def _records(share: float) -> list[Any]:
    now = time.time_ns() // 1_000_000
    headers = (("source", b"learnpack"), ("academy", b"1"), ("receipt", b"r"))
    every = round(1 / share) if share else 0
    return [
        SimpleNamespace(
            offset=offset,
            timestamp=now,
            headers=(*headers, ("traceparent", b"00-%032x-%016x-01" % (offset + 1, 1)))
            if every and offset % every == 0
            else headers,
        )
        for offset in range(_AT_ONCE)
    ]


def _chunks(tracer: OtelTracer, records: list[Any]) -> None:
    source = TopicPartition("raw", 0)
    for _ in range(_WEBHOOKS // _AT_ONCE):
        if (span := begin_span(tracer, source, records)) is not None:
            span.end()


def _blocks(tracer: OtelTracer, records: list[Any]) -> None:
    route = raw_route(Topics("learnpack.", 1))
    source = TopicPartition("raw", 0)
    pieces = [Piece(record.offset, (b"row",), 1) for record in records]
    for _ in range(_WEBHOOKS // _AT_ONCE):
        block = Block((Slice(source, _AT_ONCE, None, tuple(with_parents(records, iter(pieces)))),))
        if (span := begin_block_span(tracer, route, block)) is not None:
            span.end()


def main() -> None:
    """Measure and print."""
    collector = subprocess.Popen([sys.executable, "-c", _COLLECTOR], stdout=subprocess.PIPE, text=True)
    assert collector.stdout is not None  # noqa: S101 - it is a pipe
    target = f"http://127.0.0.1:{int(collector.stdout.readline())}/v1/traces"
    spans = Counter(*SPANS[:2], SPANS[2:], registry=CollectorRegistry())
    try:
        plain = _microseconds(lambda: asyncio.run(_requests(_post)))
        gateway = _traced(target, spans, lambda tracer: asyncio.run(_requests(Traced(_post, tracer)))) - plain
        worker = _traced(target, spans, lambda tracer: _chunks(tracer, _records(_SHARE)))
        sink = _traced(target, spans, lambda tracer: _blocks(tracer, _records(_SHARE)))
    finally:
        collector.terminate()
        collector.wait()
    print(f"{_WEBHOOKS} webhooks, {_SHARE:.0%} of them traced, {_AT_ONCE} in a chunk and in a block of raw:")
    for part, cost in (("gateway", gateway), ("worker", worker), ("sink", sink)):
        print(f"{part:8} {cost:6.2f} µs a webhook")


if __name__ == "__main__":
    main()
