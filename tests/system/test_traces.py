"""A traced webhook, from its request to the rows that it leads to (docs/tracing.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.http_system import http_system
from tests.support.ingest import ME
from tests.support.metrics import sample
from tests.support.trace_receiver import receiver
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack
    from tests.support.trace_receiver import Received, Receiver

pytestmark = pytest.mark.system

POST: Final = f"POST {ME}"
CALLER: Final = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    """A collector for all parts."""
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory, collector: Receiver) -> Iterator[HttpSystem]:
    """A system that traces every request."""
    home = tmp_path_factory.mktemp("traced")
    with http_system(stack, home, traces=f"{collector.url}/v1/traces", traces_share=1.0) as running:
        yield running


def whole(collector: Receiver, trace_id: str) -> dict[str, Received]:
    """The spans of a trace by name, once its chunk and both of its inserts have arrived; else none."""
    found = {span.name: span for span in list(collector.spans) if span.trace_id == trace_id}
    return found if {"process chunk", "insert raw", "insert webhooks"} <= found.keys() else {}


def test_a_trace_goes_from_the_request_to_the_rows(system: HttpSystem, collector: Receiver) -> None:
    """Request, chunk and inserts are spans of one trace in their order; the caller's own is only a link."""
    with system.client(traceparent=f"00-{CALLER}-b7ad6b7169203331-01") as client:
        assert client.post(ME, json={"event": "nope", "slug": "s", "user_id": 123, "package_id": 71}).text == "ok"
    (row,) = system.settled(learnpack_package_id=71)
    (posted,) = eventually(
        lambda: [span for span in collector.named(POST) if span.links == (CALLER,)], 30, "the request's span"
    )
    spans = eventually(lambda: whole(collector, posted.trace_id), 30, "the whole trace")
    chunk, stored, raw = spans["process chunk"], spans["insert webhooks"], spans["insert raw"]

    assert (posted.part, chunk.part, stored.part, raw.part) == ("gateway", "worker", "sink", "sink")
    assert (posted.parent_id, chunk.parent_id, raw.parent_id) == ("", posted.span_id, posted.span_id)
    assert stored.parent_id == chunk.span_id
    assert posted.trace_id in chunk.links
    assert posted.began < chunk.began < chunk.ended < stored.ended
    assert posted.attributes["telemetry.webhook_id"] == row["id"]
    assert posted.attributes["http.response.status_code"] == 200
    assert chunk.attributes["messaging.batch.message_count"] == 1


def test_a_refused_request_is_a_trace_of_one_span(system: HttpSystem, collector: Receiver) -> None:
    """Its answer's status is in it, and nothing of who called."""
    with system.client(None) as client:
        assert client.post(ME, json={}).status_code == 401
    refused = eventually(
        lambda: [span for span in collector.named(POST) if span.attributes["http.response.status_code"] == 401],
        30,
        "the span of the refusal",
    )

    assert refused[-1].attributes == {
        "http.request.method": "POST",
        "http.route": ME,
        "http.response.status_code": 401,
    }


def test_a_collector_that_is_away_holds_up_nothing(system: HttpSystem, collector: Receiver) -> None:
    """Webhooks are taken and stored as ever; how many spans are lost is a figure of the part, and once a line."""
    collector.status = 400
    try:
        with system.client() as client:
            for number in range(3):
                body = {"event": "nope", "slug": f"s{number}", "user_id": 123, "package_id": 72}
                assert client.post(ME, json=body).text == "ok"
            assert len(system.settled(3, learnpack_package_id=72)) == 3
            lost = eventually(
                lambda: sample(client.get("/metrics").text, 'telemetry_gateway_trace_spans_total{outcome="failed"}'),
                30,
                "lost spans",
            )
            assert lost >= 1
        eventually(lambda: "traces cannot be sent" in system.gateway.output, 60, "the line")
    finally:
        collector.status = 200
