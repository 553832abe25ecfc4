"""Tracers and the queue of their spans."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import structlog
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client.exposition import generate_latest

from broker import span_queue
from broker.metrics import PartMetrics
from broker.otel import OtelTracer
from broker.span_queue import SpanQueue
from broker.tracing import SPANS, check_tracing, logged, traced_among, tracer_of
from broker.watched import Watched
from schemas.errors import OperatorError
from schemas.settings import Settings
from schemas.wire.traces import read_parent
from tests.support.metrics import sample
from tests.support.trace_receiver import receiver
from tests.support.waiting import eventually
from tests.unit.streams.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.trace_receiver import Receiver

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Part(PartMetrics):
    """A part that counts spans."""

    def __init__(self) -> None:
        super().__init__("part")
        self.spans = self.counter(*SPANS)

    def outcome(self, name: str) -> float:
        """How many spans came to this."""
        return sample(generate_latest(self.registry).decode(), f'telemetry_part_trace_spans_total{{outcome="{name}"}}')


class Held(SpanExporter):
    """An exporter that waits until it is let go, or shut down, and then takes nothing."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()
        self.result = SpanExportResult.FAILURE

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait."""
        assert spans
        self.asked.set()
        self.released.wait()
        return self.result

    def shutdown(self) -> None:
        """Wait no more."""
        self.released.set()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector, which is told of every span however slow the machine is at the end of a tracer."""
    monkeypatch.setattr(span_queue, "_LAST_SECONDS", 60.0)
    with receiver() as running:
        yield running


def tracer(collector: Receiver, part: Part, share: float = 1.0) -> OtelTracer:
    """A tracer that sends there."""
    return OtelTracer(f"{collector.url}/v1/traces", "part", share, part.spans)


def test_nothing_is_traced_without_a_setting() -> None:
    """A part then has no tracer."""
    assert tracer_of(Settings(_env_file=None), "gateway", Part().spans) is None


def test_without_the_extra_a_part_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where traces are asked for."""
    missing = mock.Mock(side_effect=ModuleNotFoundError)
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    check_tracing(Settings(_env_file=None))

    with pytest.raises(OperatorError, match="wheel with"):
        check_tracing(Settings(_env_file=None, traces="otel"))


def test_a_callers_trace_is_a_link_and_no_parent(collector: Receiver) -> None:
    """The trace is our own; what follows is in it and linked to all that it is of."""
    part = Part()
    ours = tracer(collector, part)
    first, second = ours.begin("one", CALLER, {}), ours.begin("two", None, {})
    assert first is not None
    assert second is not None
    chunk = ours.follow("chunk", "consumer", [first.traceparent, second.traceparent], {"n": 2})
    assert chunk is not None
    for span in (first, second, chunk):
        span.end()
    ours.close()
    one, two, three = (collector.named(name)[0] for name in ("one", "two", "chunk"))

    assert (one.parent_id, one.links) == ("", (CALLER.split("-")[1],))
    assert one.trace_id != CALLER.split("-")[1]
    assert (three.trace_id, three.parent_id) == (one.trace_id, one.span_id)
    assert three.links == (one.trace_id, two.trace_id)
    assert read_parent(chunk.traceparent) == (int(one.trace_id, 16), int(three.span_id, 16), True)
    assert part.outcome("sent") == 3
    assert ours.follow("chunk", "consumer", [], {}) is None


def test_a_span_of_many_has_links_to_the_last(collector: Receiver) -> None:
    """To 128 of them, so that a chunk of thousands is no span of thousands; it is in the trace of the first."""
    ours = tracer(collector, Part())
    parents = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 201)]
    span = ours.follow("chunk", "consumer", parents, {})
    assert span is not None
    span.end()
    ours.close()
    (chunk,) = collector.named("chunk")

    assert chunk.trace_id == f"{1:032x}"
    assert chunk.links == tuple(f"{number:032x}" for number in range(73, 201))


def test_chance_alone_chooses(collector: Receiver) -> None:
    """As many as the share says."""
    ours = tracer(collector, Part(), share=0.25)
    chosen = sum(ours.chosen() for _ in range(20_000))
    ours.close()

    assert 4_000 < chosen < 6_000


def test_variables_for_others_do_not_stop_what_is_chosen(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that the environment names for other programs; but a part may have another name there."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    ours = tracer(collector, Part())
    span = ours.begin("one", None, {})
    assert span is not None
    span.end()
    ours.close()

    assert [one.part for one in collector.named("one")] == ["other"]


def test_a_disabled_sdk_traces_nothing(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its variable says."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    ours = tracer(collector, Part())
    nothing = ours.begin("one", CALLER, {}), ours.follow("two", "client", [CALLER], {})
    ours.close()

    assert nothing == (None, None)


def test_what_waits_is_bounded_and_the_rest_is_counted() -> None:
    """A collector that hangs costs a queue of spans, and its end is as quick as always."""
    exporter, part, span = Held(), Part(), object()
    waiting = SpanQueue(exporter, part.spans, most=3)
    taken: Any = span
    waiting.on_end(taken)
    assert exporter.asked.wait(30)
    for _ in range(5):
        waiting.on_end(taken)

    assert part.outcome("dropped") == 2
    began = time.monotonic()
    waiting.shutdown()
    assert time.monotonic() - began < 30
    eventually(lambda: part.outcome("failed") >= 1, 30, "lost spans")


def test_a_collector_that_comes_back_is_told_of_once(collector: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that says why when it goes and one when it is there again, however many batches there were."""
    part = Part()
    ours = tracer(collector, part)

    def one() -> None:
        span = ours.begin("one", None, {})
        assert span is not None
        span.end()

    collector.status = 400
    one()
    eventually(lambda: part.outcome("failed") == 1, 30, "a lost span")
    one()
    eventually(lambda: part.outcome("failed") == 2, 30, "another")
    collector.status = 200
    one()
    eventually(lambda: part.outcome("sent") == 1, 30, "a sent span")
    ours.close()
    told = capsys.readouterr().out

    assert (told.count("traces cannot be sent"), told.count("traces can be sent again")) == (1, 1)
    assert "400" in told.partition("traces cannot be sent")[2].partition("\n")[0]


def test_only_records_of_today_that_are_sampled_are_traced() -> None:
    """Each with its own `traceparent`."""
    now = time.time_ns() // 1_000_000
    header = ("traceparent", CALLER.encode())
    records = [
        record(1, timestamp=now),
        record(2, headers=(("source", b"learnpack"), header), timestamp=now),
        record(3, headers=(header,), timestamp=1_000),
        record(4, headers=(header, ("dead-letter-stage", b"x")), timestamp=now),
    ]

    assert [(one.offset, parent) for one, parent in traced_among(records)] == [(2, CALLER)]


async def test_lines_of_a_traced_webhook_name_its_trace(collector: Receiver) -> None:
    """Those of a task that it happens to start do not."""
    ours = tracer(collector, Part())
    span = ours.begin("one", None, {})
    assert span is not None
    seen: list[dict[str, Any]] = []

    async def work() -> None:
        seen.append(dict(structlog.contextvars.get_contextvars()))
        await asyncio.sleep(0)

    with logged(span):
        inside = dict(structlog.contextvars.get_contextvars())
        await Watched("task", work).start().ended()
    with logged(None):
        seen.append(dict(structlog.contextvars.get_contextvars()))
    ours.close()

    assert inside["trace_id"] == span.trace_id == span.traceparent.split("-")[1]
    assert all("trace_id" not in one for one in seen)


def test_a_part_traces_where_the_setting_says(collector: Receiver) -> None:
    """A URL without a path is completed as collectors have it."""
    part = Part()
    ours = tracer_of(Settings(_env_file=None, traces=collector.url), "worker", part.spans)
    assert ours is not None
    span = ours.begin("one", None, {})
    assert span is not None
    span.end()
    ours.close()

    assert [one.part for one in collector.named("one")] == ["worker"]
