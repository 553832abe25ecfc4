"""Liveness, readiness and what they depend on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from gateway.asked import AskedOnce

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.metrics import Metrics

__all__ = ["Readiness", "health_routes"]

_NO_KAFKA: Final = "no broker answers within three seconds: webhooks that none acknowledges wait on disk"
_DRAINS: Final = "the broker answers; webhooks that wait on disk are being sent first"
_NO_CLICKHOUSE: Final = "it does not answer: nothing can be looked up"
_NO_VIEWS: Final = "rules and directory have not been read to their ends yet"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which of the gateway's needs are met: the broker answers, ClickHouse answers, the views are complete.

    `damaged_spool_segments` are files in which webhooks cannot be read: every request can be served all the same.
    `draining` is whether the broker answers, and webhooks that wait on disk have to go first.
    `restarting` says what is wrong with parts of the system that do not run or end again and again, where a supervisor
    tells, and with processes of this gateway that do not answer.
    """

    kafka: bool
    clickhouse: bool
    views: bool
    damaged_spool_segments: int = 0
    restarting: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False

    @property
    def missing(self) -> dict[str, str]:
        """What keeps it from being ready, in words, by what it is about."""
        needs = {
            "kafka": (self.kafka, _DRAINS if self.draining else _NO_KAFKA),
            "clickhouse": (self.clickhouse, _NO_CLICKHOUSE),
            "views": (self.views, _NO_VIEWS),
        }
        return {**{name: words for name, (met, words) in needs.items() if not met}, **self.restarting}

    @property
    def ready(self) -> bool:
        """Whether every request can be served, and what is taken goes on to the tables."""
        return not self.missing

    def as_json(self) -> dict[str, Any]:
        """The answer's body; what is damaged, restarts or is not ready is in it only if something does or is."""
        body: dict[str, Any] = {"status": "ok" if self.ready else "not ready", **asdict(self)}
        del body["draining"]
        if self.missing:
            body["not_ready"] = self.missing
        if not self.damaged_spool_segments:
            del body["damaged_spool_segments"]
        if not self.restarting:
            del body["restarting"]
        return body


_FRESH_SECONDS: Final = 0.5

_MET: Final = Readiness(kafka=True, clickhouse=True, views=True)


def health_routes(readiness: Callable[[], Awaitable[Readiness]], metrics: Metrics) -> APIRouter:
    """`/health/live`, `/health/ready` and `/metrics`."""
    router = APIRouter(tags=["health"])
    asked = AskedOnce(readiness, _FRESH_SECONDS)

    async def render() -> bytes:
        return metrics.text()

    # Anybody may ask, and hundreds of series are milliseconds in which nothing else is answered.
    figures = AskedOnce(render, _FRESH_SECONDS)

    @router.get(
        "/health/live",
        summary="The process answers",
        responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}},
    )
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/health/ready",
        summary="Kafka and ClickHouse answer, the views are loaded, and no part ends again and again",
        responses={
            200: {"content": {"application/json": {"example": _MET.as_json()}}},
            503: {"description": "Something is missing; the body says what."},
        },
    )
    async def ready() -> JSONResponse:
        state = await asked()
        return JSONResponse(state.as_json(), status_code=200 if state.ready else 503)

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def prometheus() -> Response:
        return Response(await figures(), media_type=metrics.content_type)

    return router
