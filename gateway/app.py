"""The gateway's ASGI application: the routes that take webhooks in front, FastAPI behind it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from broker.rule_history import RuleHistory
from gateway.access import RETRY_SECONDS
from gateway.addresses import Addresses
from gateway.api import assets, directory, ide, rules, tasks, telemetry, webhooks
from gateway.api.openapi import DESCRIPTION, describe
from gateway.console.app import console_app, is_page
from gateway.console.visitor import Console
from gateway.errors import ApiError, ClientGoneError
from gateway.health import health_routes
from gateway.ingest.buckets import Allowance
from gateway.ingest.capture import CAPTURE_PATHS, CAPTURE_ROUTES, Capture
from gateway.ingest.pipeline import IngestPipeline
from gateway.ingest.queries import MAX_QUERY_BYTES
from gateway.ingest.rates import Rates
from gateway.ingest.routes import INGEST_PATHS, Ingest
from gateway.ingest.traced import Traced
from gateway.insights import (
    operation_routes,
    overview_routes,
    rule_routes,
    student_routes,
    tutorial_routes,
    webhook_routes,
)
from gateway.insights.system import System
from gateway.metrics import route_of
from gateway.notebook.routes import notebook_routes
from gateway.origins import Origins
from gateway.reading.questions import RETRY_SECONDS as BUSY_SECONDS
from gateway.reading.questions import BusyError
from gateway.reading.store import ReadError
from gateway.reference.page import reference_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from broker.tracing import Tracer
    from gateway.api.services import Services
    from gateway.console.sealing import Sealing
    from gateway.durable.publishing import Publisher
    from gateway.health import Readiness
    from gateway.ingest.bodies import Receive
    from gateway.insights.live import Live
    from gateway.metrics import Metrics
    from gateway.operating import Operating

    Post = Ingest | Capture | Traced

__all__ = ["Gateway", "create_app"]

_log: Final = structlog.stdlib.get_logger("gateway")

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_SLASHES: Final = re.compile("//+")
_SLUGS: Final = {404: "not-found", 405: "method-not-allowed"}


class Gateway:
    """Sends POSTs of webhooks and of notebooks' events to their routes, pages to the console, all else to FastAPI."""

    def __init__(
        self, posts: Mapping[str, Post], api: FastAPI, pages: Callable[..., Awaitable[None]], metrics: Metrics
    ) -> None:
        self._posts = posts
        self._metrics = metrics
        self._pages = pages
        self.api = api

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """The ASGI entry."""
        if scope["type"] != "http":
            await self.api(scope, receive, send)
        elif scope["method"] == "POST" and (post := self._posts.get(scope["path"])) is not None:
            await post(scope, receive, send)
        elif len(scope["query_string"]) > MAX_QUERY_BYTES:
            await self._measured(_refuse, scope, receive, send)
        else:
            # Pages know no CORS: no other origin's script has any business with them.
            app = self._pages if is_page(scope["method"], scope["path"]) else self.api
            await self._measured(app, scope, receive, send)

    async def _measured(
        self, app: Callable[..., Awaitable[None]], scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]
    ) -> None:
        status = 0

        async def noting(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        began = time.perf_counter()
        try:
            await app(scope, receive, noting)
        finally:
            route = route_of(scope)
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)


def create_app(
    services: Services,
    *,
    publisher: Publisher,
    metrics: Metrics,
    readiness: Callable[[], Awaitable[Readiness]],
    live: Live,
    operating: Operating,
    sealing: Sealing,
    tracer: Tracer | None = None,
) -> Gateway:
    """The application over these services; webhooks go to `publisher`, and `live` tells of those that are stored.

    `operating` does what operators ask for, `sealing` gives the seal of the console's sessions; a `tracer` traces
    some webhooks.
    """
    settings = services.settings
    origins = Origins(settings.gateway_origins)
    pipeline = IngestPipeline(
        access=services.access,
        addresses=Addresses(settings.trusted_proxies),
        rates=Rates(
            Allowance(settings.rate_limit, settings.rate_limit_bytes),
            Allowance(settings.ingest_rate_limit, settings.ingest_rate_limit_bytes),
        ),
        publisher=publisher,
        views=services.views,
        shares=services.shares,
        workshop=services.workshop,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        default_academy=settings.default_academy,
        origin_headers=origins.headers,
        redact=settings.keys_out_of_raw,
    )
    ingest, capture = Ingest(pipeline), Capture(pipeline)
    api = FastAPI(
        title="LearnPack Telemetry",
        version="1",
        description=DESCRIPTION,
        redirect_slashes=False,
        # FastAPI's own pages have their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    api.state.services = services
    api.state.live = live
    api.state.operating = operating
    api.state.rule_history = RuleHistory(settings)
    api.state.system = System(operating, services.questions, metrics, settings.spool)
    middleware, options = origins.middleware()
    api.add_middleware(middleware, **options)  # type: ignore[arg-type]
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)
    insights = (overview_routes, tutorial_routes, student_routes, webhook_routes, rule_routes, operation_routes)
    for module in (ide, webhooks, rules, telemetry, tasks, assets, directory, *insights):
        api.include_router(module.router)
    api.include_router(health_routes(readiness, metrics))
    # Never reached by a POST, but so that other methods are refused as such.
    posts: dict[str, Post] = {**dict.fromkeys(INGEST_PATHS, ingest), **dict.fromkeys(CAPTURE_PATHS, capture)}
    if tracer is not None:
        posts = {path: Traced(post, tracer) for path, post in posts.items()}
    api.router.routes.extend(
        Route(path, post, methods=["POST"], include_in_schema=False) for path, post in posts.items()
    )
    api.router.routes.extend(reference_routes(f"{api.title} - Swagger UI", "/openapi.json"))
    api.router.routes.extend(notebook_routes())
    describe(api, INGEST_PATHS, CAPTURE_ROUTES)
    console = Console(services, live, operating, api.state.system, api.state.rule_history, sealing)
    return Gateway(posts, api, console_app(console), metrics)


async def _refuse(scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
    # Before anything takes it apart, which is done before anybody knows whose it is.
    answer = await _answer(Request(scope), ApiError("query-too-long", limit=MAX_QUERY_BYTES))
    await answer(scope, receive, send)


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - Starlette calls handlers by the type they are registered for
    body = error.body(request.headers.get("accept-language"))
    return Response(body, status_code=error.status, headers=error.headers, media_type="application/json")


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    # What is put together of a base and a path often has one slash too many, at the end or between the two.
    path = _SLASHES.sub("/", request.scope["path"]).rstrip("/")
    if error.status_code == 404 and request.scope["path"] != path and _is_known(request, path):  # noqa: PLR2004 - as below
        return await _answer(request, ApiError("not-found.slash", path=path))
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers  # noqa: PLR2004 - the status
    return await _answer(request, ApiError(_SLUGS.get(error.status_code, "not-found"), headers))


def _is_known(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path, "raw_path": path.encode()}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes)


def _allowed(request: Request) -> str:
    """The methods of all routes at a path; Starlette names only those of the first."""
    return ", ".join(
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    )


async def _answer_unreadable(request: Request, error: Exception) -> Response:
    _log.warning("ClickHouse cannot be read", route=route_of(request.scope), reason=str(error))
    refusal = ApiError("data-unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)
    return await _answer(request, refusal)


async def _answer_busy(request: Request, _error: Exception) -> Response:
    return await _answer(
        request, ApiError("too-many-questions", {"Retry-After": str(BUSY_SECONDS)}, seconds=BUSY_SECONDS)
    )


async def _answer_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


async def _answer_bug(request: Request, error: Exception) -> Response:
    _log.error("a request failed", route=route_of(request.scope), exc_info=error)
    return await _answer(request, ApiError("internal-error"))


_HANDLERS: Final[dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = {
    ApiError: _answer,
    HTTPException: _answer_http,
    ReadError: _answer_unreadable,
    BusyError: _answer_busy,
    ClientGoneError: _answer_gone,
    Exception: _answer_bug,
}
