"""The gateway's ASGI application: the ingest route in front, FastAPI behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from gateway.access import Access
from gateway.errors import ApiError
from gateway.health import health_routes
from gateway.ingest import INGEST_PATH, Ingest
from gateway.origins import Origins
from gateway.rates import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.bodies import Receive
    from gateway.following import Views
    from gateway.health import Readiness
    from gateway.publishing import Publisher
    from schemas.settings import Settings

__all__ = ["Gateway", "create_app"]

_SLUGS: Final = {404: "not-found", 405: "method-not-allowed"}


class Gateway:
    """Sends POSTs of webhooks to the ingest route, everything else to FastAPI."""

    def __init__(self, ingest: Ingest, api: FastAPI) -> None:
        self._ingest = ingest
        self.api = api

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """The ASGI entry."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == INGEST_PATH:
            await self._ingest(scope, receive, send)
        else:
            await self.api(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    views: Views,
    readiness: Callable[[], Awaitable[Readiness]],
    publisher: Publisher,
) -> Gateway:
    """The application for these settings, over a reference view that somebody keeps up to date."""
    access = Access(views, everybody=settings.auth == "open")
    origins = Origins(settings.gateway_origins)
    api = FastAPI(title="LearnPack Telemetry", version="1", redirect_slashes=False)
    middleware, options = origins.middleware()
    api.add_middleware(middleware, **options)  # type: ignore[arg-type]
    api.add_exception_handler(ApiError, _answer)
    api.add_exception_handler(HTTPException, _answer_http)
    api.include_router(health_routes(readiness))
    ingest = Ingest(
        access=access,
        limiter=RateLimiter(settings.rate_limit),
        publisher=publisher,
        max_body_bytes=settings.max_body_bytes,
        default_academy=settings.default_academy,
        origin_headers=origins.headers,
    )
    return Gateway(ingest, api)


def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - Starlette calls handlers by the type they are registered for
    body = error.body(request.headers.get("accept-language"))
    return Response(body, status_code=error.status, headers=error.headers, media_type="application/json")


def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return _answer(request, ApiError(_SLUGS.get(error.status_code, "not-found")))
