"""Traces as the parts see them: spans that are begun, noted on and ended. Without the libraries that send them.

A part that traces nothing has no tracer: None, and asks nothing else. `broker.otel` is what there is besides.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import structlog

from schemas.errors import OperatorError
from schemas.wire.traces import TRACEPARENT, followed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Counter

    from schemas.settings import Settings

__all__ = ["SPANS", "TRACE_FIELD", "Span", "Tracer", "check_tracing", "logged", "traced_among", "tracer_of"]

# Name, text and label of the counter of spans that each part has.
SPANS: Final = (
    "trace_spans",
    "Spans of traces: `sent`, `failed` (the collector did not take them) or `dropped` (too many waited for it).",
    "outcome",
)

# What log lines of a traced webhook have.
TRACE_FIELD: Final = "trace_id"

OFF: Final = "off"
OTEL: Final = "otel"
# FastAPI brings the interfaces along, but not what sends.
_LIBRARY: Final = "opentelemetry.exporter.otlp.proto.http"


class Span(Protocol):
    """Something that takes time, in a trace. One that is never ended is never sent."""

    @property
    def traceparent(self) -> str:
        """How others name it."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""

    def note(self, name: str, value: str | int, /) -> None:
        """Say something of it; nothing of a student, a token or a body."""

    def end(self) -> None:
        """It is over now. Never waits."""


class Tracer(Protocol):
    """Makes spans and sends them in the background. Neither waits nor raises, whatever becomes of them."""

    def chosen(self) -> bool:
        """Whether a request that comes now is traced: one in so many, by chance."""

    def begin(self, name: str, caller: str | None, attributes: Mapping[str, str | int], /) -> Span | None:
        """The first span of a trace, with a link to the caller's own span; None if tracing is disabled."""

    def follow(
        self, name: str, kind: Literal["consumer", "client"], parents: Sequence[str], attributes: Mapping[str, Any], /
    ) -> Span | None:
        """A span in the trace of the first parent, with links to the last 128 of all; None without a parent."""

    def close(self) -> None:
        """Send what waits, for two seconds at most, and end."""


def check_tracing(settings: Settings) -> None:
    """Raise OperatorError if traces are asked for and cannot be made."""
    if settings.traces == OFF:
        return
    try:
        found = importlib.util.find_spec(_LIBRARY)
    except ImportError:
        found = None
    if found is None:
        message = "TELEMETRY_TRACES needs the extra `otel`: install the wheel with [otel] behind its path, or unset it."
        raise OperatorError(message)


def tracer_of(settings: Settings, part: str, spans: Counter) -> Tracer | None:
    """The tracer of a part of this process, None if nothing is traced; `spans` is the part's counter of SPANS.

    It starts a thread, so nobody may fork afterwards.
    """
    if settings.traces == OFF:
        return None
    from broker.otel import OtelTracer  # noqa: PLC0415 - only who traces pays for it

    return OtelTracer(None if settings.traces == OTEL else settings.traces, part, settings.traces_share, spans)


def traced_among(records: Iterable[Any]) -> list[tuple[Any, str]]:
    """Those of Kafka records (aiokafka's) whose traces go on, in their order, each with its `traceparent`."""
    # One look at each: there may be thousands, and mostly none is traced.
    having = [record for record in records if record.headers and record.headers[-1][0] == TRACEPARENT]
    if not having:
        return []
    now = time.time_ns() // 1_000_000
    found = ((record, followed(record.headers, record.timestamp, now)) for record in having)
    return [(record, parent) for record, parent in found if parent is not None]


@contextlib.contextmanager
def logged(span: Span | None) -> Iterator[None]:
    """Name the span's trace in all log lines of the block."""
    if span is None:
        yield
        return
    with structlog.contextvars.bound_contextvars(**{TRACE_FIELD: span.trace_id}):
        yield
