"""Requests on which the code fails: answered, counted and logged as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from structlog.testing import capture_logs

from gateway.addresses import Addresses
from gateway.ingest.buckets import Allowance
from gateway.ingest.capture import Capture
from gateway.ingest.pipeline import IngestPipeline
from gateway.ingest.queries import MAX_QUERY_BYTES
from gateway.ingest.rates import Rates
from gateway.ingest.routes import Ingest
from gateway.ingest.shares import Shares
from gateway.ingest.workshop import Workshop
from gateway.metrics import Metrics
from tests.support.ingest import ME
from tests.support.metrics import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    Post = Callable[[IngestPipeline], Ingest | Capture]

ROUTES: Final[list[tuple[Post, str, str]]] = [(Ingest, ME, ME), (Capture, "/batch", "/batch/")]


class _Faulty:
    """Knows no token: whatever is asked of it fails as code fails that has a mistake."""

    def uploader(self, _secret: str | None) -> Any:
        """Fail."""
        raise ZeroDivisionError


def pipeline_of(metrics: Metrics) -> IngestPipeline:
    """One that fails at the first token."""
    allowance = Allowance(60, 1 << 20)
    return IngestPipeline(
        access=_Faulty(),  # type: ignore[arg-type]  # stands in
        addresses=Addresses(),
        rates=Rates(allowance, allowance),
        publisher=None,  # type: ignore[arg-type]  # nothing comes so far
        views=None,  # type: ignore[arg-type]  # as above
        shares=Shares(large=1 << 20, small=1 << 20),
        workshop=Workshop(),
        metrics=metrics,
        max_body_bytes=1 << 20,
        default_academy=None,
        origin_headers=lambda _origin: [],
    )


async def answered(post: Ingest | Capture, path: str, query: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to a POST."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"path": path, "query_string": query, "headers": [(b"authorization", b"Token t")]}
    await post(scope, None, send)  # type: ignore[arg-type]  # no body is read
    return sent[0]["status"], orjson.loads(sent[1]["body"])


@pytest.mark.parametrize(("kind", "path", "route"), ROUTES)
async def test_a_fault_is_answered_counted_and_logged(kind: Post, path: str, route: str) -> None:
    """With 500, under its route and as a webhook that was not taken; the traceback is in the log."""
    metrics = Metrics()

    with capture_logs() as logged:
        status, body = await answered(kind(pipeline_of(metrics)), path)

    text = metrics.text().decode()
    assert (status, body["slug"], body["status_code"]) == (500, "internal-error", 500)
    assert sample(text, 'telemetry_gateway_refused_total{reason="internal-error"}') == 1
    assert sample(text, f'telemetry_gateway_requests_total{{route="{route}",status="500"}}') == 1
    (line,) = logged
    assert (line["log_level"], line["event"], line["route"]) == ("error", "a request failed", route)
    assert isinstance(line["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize(("kind", "path", "route"), ROUTES)
async def test_a_query_that_is_too_long_is_counted(kind: Post, path: str, route: str) -> None:
    """Before it is taken apart, under its route, without a line in the log."""
    metrics = Metrics()

    with capture_logs() as logged:
        status, body = await answered(kind(pipeline_of(metrics)), path, b"a" * (MAX_QUERY_BYTES + 1))

    text = metrics.text().decode()
    assert (status, body["slug"]) == (414, "query-too-long")
    assert sample(text, 'telemetry_gateway_refused_total{reason="query-too-long"}') == 1
    assert sample(text, f'telemetry_gateway_requests_total{{route="{route}",status="414"}}') == 1
    assert logged == []
