"""A tracer by OpenTelemetry's SDK, which sends spans by OTLP over HTTP. Needs the extra `otel`."""

from __future__ import annotations

import logging
import random
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from broker.span_queue import SpanQueue
from schemas.wire.traces import read_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prometheus_client import Counter

    from schemas.wire.traces import Parent

__all__ = ["OtelTracer"]

_DISTRIBUTION: Final = "learnpack-telemetry"
_LONGEST_REASON: Final = 300
_KINDS: Final = {"consumer": trace.SpanKind.CONSUMER, "client": trace.SpanKind.CLIENT}


class _LastWords(logging.Handler):
    """Keeps the last thing that OpenTelemetry said, for it repeats itself with every batch and the queue tells once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, its first line and no more than a line of it."""
        self.text = record.getMessage().partition("\n")[0][:_LONGEST_REASON]


_said: Final = _LastWords()


class OtelSpan:
    """A span of the SDK that is recorded (broker.tracing.Span)."""

    def __init__(self, span: trace.Span) -> None:
        context = span.get_span_context()
        self._span = span
        self.trace_id = trace.format_trace_id(context.trace_id)
        self.traceparent = f"00-{self.trace_id}-{trace.format_span_id(context.span_id)}-01"

    def note(self, name: str, value: str | int, /) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def end(self) -> None:
        """Hand it to the queue."""
        self._span.end()


class OtelTracer:
    """Makes spans of one part (broker.tracing.Tracer).

    `target` is the address that they are sent to, None for that of the OTEL_ variables, which also say all else of the
    way there; `share`, from 0 to 1, of requests are traced. Those variables do not decide what is traced.
    """

    def __init__(self, target: str | None, part: str, share: float, spans: Counter) -> None:
        library = logging.getLogger("opentelemetry")
        library.setLevel(logging.WARNING)
        library.propagate = False
        library.addHandler(_said)
        self._share = share
        own = Resource({"service.namespace": _DISTRIBUTION, "service.name": part, "service.version": _version()})
        # The operator's names come before ours.
        resource = own.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            SpanQueue(OTLPSpanExporter(endpoint=target), spans, reason=lambda: _said.text)
        )
        self._tracer = self._provider.get_tracer(_DISTRIBUTION, _version())

    def chosen(self) -> bool:
        """Whether a request that comes now is traced."""
        return random.random() < self._share  # noqa: S311 - nothing is secret in it

    def begin(self, name: str, caller: str | None, attributes: Mapping[str, str | int], /) -> OtelSpan | None:
        """The first span of a trace; of the caller's no more than a link."""
        links = [] if caller is None else _links([caller])
        span = self._tracer.start_span(
            name, context=Context(), kind=trace.SpanKind.SERVER, attributes=attributes, links=links
        )
        return _recorded(span)

    def follow(
        self, name: str, kind: Literal["consumer", "client"], parents: Sequence[str], attributes: Mapping[str, Any], /
    ) -> OtelSpan | None:
        """A span in the trace of the first parent."""
        links = _links(parents)
        if not links:
            return None
        within = trace.set_span_in_context(trace.NonRecordingSpan(links[0].context), Context())
        span = self._tracer.start_span(name, context=within, kind=_KINDS[kind], attributes=attributes, links=links)
        return _recorded(span)

    def close(self) -> None:
        """End the queue."""
        self._provider.shutdown()


def _recorded(span: trace.Span) -> OtelSpan | None:
    return OtelSpan(span) if span.is_recording() else None


def _links(parents: Sequence[str]) -> list[trace.Link]:
    known = [parent for parent in map(read_parent, parents) if parent is not None]
    return [trace.Link(_context(parent)) for parent in known]


def _context(parent: Parent) -> trace.SpanContext:
    flags = trace.TraceFlags(parent.sampled)
    return trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)


def _version() -> str:
    return version(_DISTRIBUTION)
