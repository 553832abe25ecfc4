"""A collector of traces: takes OTLP over HTTP on a port of the loopback address, and remembers the spans."""

from __future__ import annotations

import contextlib
import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

__all__ = ["Received", "Receiver", "receiver"]


class Received(NamedTuple):
    """A span as it arrived; numbers of traces and spans are hexadecimal, a span without a parent has an empty one."""

    part: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, str | int]
    began: int
    ended: int


class Receiver:
    """What has arrived, and how requests are answered from now on."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.spans: list[Received] = []
        self.status = 200

    def named(self, name: str) -> list[Received]:
        """The spans of this name."""
        return [span for span in list(self.spans) if span.name == name]

    def take(self, body: bytes) -> None:
        """Remember the spans of a request; raises DecodeError where it is none."""
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            part = str(_plain(list(of_resource.resource.attributes))["service.name"])
            for of_scope in of_resource.scope_spans:
                self.spans += [
                    Received(
                        part,
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        tuple(link.trace_id.hex() for link in span.links),
                        _plain(list(span.attributes)),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                    )
                    for span in of_scope.spans
                ]


def _plain(attributes: list[KeyValue]) -> dict[str, str | int]:
    return {
        one.key: one.value.int_value if one.value.WhichOneof("value") == "int_value" else one.value.string_value
        for one in attributes
    }


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Receive while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces" and received.status == 200:
                received.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(received.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield received
        finally:
            server.shutdown()
