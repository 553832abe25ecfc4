"""The console's ASGI application: its routes, and what is shown where one cannot be."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from gateway.console import (
    letter,
    letters,
    live,
    login,
    operations,
    overview,
    rules,
    stuck,
    student,
    tutorial,
    tutorials,
    webhook,
    webhooks,
    work,
)
from gateway.console.cookies import drop_session
from gateway.console.formats import Formats
from gateway.console.page import PREFIX, guarded, render, static_file
from gateway.console.routes import ConsoleRoute
from gateway.console.visitor import LogInError, view_of, visitor_of
from gateway.console.words import say
from gateway.errors import ApiError, ClientGoneError
from gateway.metrics import route_of
from gateway.reading.questions import RETRY_SECONDS, BusyError
from gateway.reading.store import ReadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from gateway.console.routes import Place
    from gateway.console.visitor import Console
    from schemas.vocabulary import Language

__all__ = ["console_app", "is_page"]

_log: Final = structlog.stdlib.get_logger("gateway")

# In the order of the navigation.
_PAGES: Final = (overview, stuck, student, tutorials, webhooks, rules, letters, operations)
# Pages that others lead to.
_INNER: Final = (live, login, work, tutorial, webhook, letter)
_UNAVAILABLE: Final = 503


def is_page(method: str, path: str) -> bool:
    """Whether a request is the console's to answer."""
    if path == "/":
        return method in {"GET", "HEAD"}
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def console_app(console: Console) -> Callable[..., Any]:
    """The application that serves /console/, and sends whoever comes to / there."""
    app = Starlette(
        routes=[
            ConsoleRoute("/", _home, methods=["GET"]),
            ConsoleRoute(PREFIX, _home, methods=["GET"]),
            ConsoleRoute(f"{PREFIX}/static/{{name}}", static_file, methods=["GET"]),
            *(route for page in (*_PAGES, *_INNER) for route in page.ROUTES),
        ],
        exception_handlers=_HANDLERS,
    )
    places: list[Place] = [page.PLACE for page in _PAGES]
    app.router.redirect_slashes = False
    app.state.console = console
    app.state.navigation = places
    return guarded(app)


async def _home(_request: Request) -> Response:
    return RedirectResponse(f"{PREFIX}/", status_code=303)


async def _log_in(request: Request, error: Exception) -> Response:
    over = isinstance(error, LogInError) and error.over
    # A script that refreshes a page is told plainly, and so is whoever watches.
    if "x-refresh" in request.headers or request.headers.get("accept") == "text/event-stream":
        return Response(status_code=401)
    going = request.url.path if request.method == "GET" else f"{PREFIX}/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    why = "&why=over" if over else ""
    response = RedirectResponse(f"{PREFIX}/login?next={quote(going + query, safe='')}{why}", status_code=303)
    if over:
        drop_session(request, response)
    return response


async def _told(
    request: Request,
    status: int,
    text: Callable[[Language], str],
    headers: dict[str, str] | None = None,
    *,
    nobody: bool = False,
) -> Response:
    """The page of an error; `nobody` is whether it has just been waited for in vain who is there."""
    view = view_of(request)
    formats = Formats(view.language, datetime.now(UTC))
    visitor = None
    # Whoever is known still has the navigation, and may choose another academy.
    with contextlib.suppress(LogInError, ApiError):
        visitor = None if nobody else await visitor_of(request)
    response = await render(
        request, "error.html", view, formats, visitor=visitor, status=status, trouble=text(view.language)
    )
    # A page asks nobody for a password of HTTP.
    response.headers.update({name: value for name, value in (headers or {}).items() if name != "WWW-Authenticate"})
    return response


def _words(key: str) -> Callable[[Language], str]:
    return lambda language: say(language, key)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - Starlette calls handlers by the type they are registered for
    starting = error.slug == "starting"
    text = _words("error.starting") if starting else error.text
    return await _told(request, error.status, text, error.headers, nobody=starting)


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    known = error.status_code if error.status_code in {404, 405} else 404
    return await _told(request, known, _words(f"error.{known}"), dict(error.headers or {}))


async def _unreadable(request: Request, error: Exception) -> Response:
    _log.warning("ClickHouse cannot be read", route=route_of(request.scope), reason=str(error))
    return await _told(request, _UNAVAILABLE, _words("error.away"), {"Retry-After": str(RETRY_SECONDS)})


async def _busy(request: Request, _error: Exception) -> Response:
    return await _told(request, _UNAVAILABLE, _words("error.busy"), {"Retry-After": str(RETRY_SECONDS)})


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


async def _bug(request: Request, error: Exception) -> Response:
    _log.error("a page failed", route=route_of(request.scope), exc_info=error)
    return await _refuse(request, ApiError("internal-error"))


_HANDLERS: Final[dict[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    LogInError: _log_in,
    ApiError: _refuse,
    HTTPException: _refuse_http,
    ReadError: _unreadable,
    BusyError: _busy,
    ClientGoneError: _gone,
    Exception: _bug,
}
