"""Routes of pages: who may see each, and what all of them do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.console.cookies import keep_session
from gateway.console.csrf import require_own_form, require_own_site
from gateway.console.forms import read_form
from gateway.console.page import PREFIX
from gateway.console.visitor import visitor_of
from gateway.in_time import in_time
from gateway.reading.timed_routes import unread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import Match

    from gateway.console.visitor import Visitor

    Show = Callable[[Request, Visitor], Awaitable[Response]]
    Change = Callable[[Request, Visitor, dict[str, str]], Awaitable[Response]]

__all__ = ["ConsoleRoute", "Place", "changing", "showing", "to_page"]

_FORM_BYTES: Final = 256 << 10


class Place(NamedTuple):
    """A page that the navigation leads to: the key of its name, its path, and the capability that it needs."""

    key: str
    path: str
    capability: str


class ConsoleRoute(Route):
    """A route that is counted by its template, as those of the API are."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """As Starlette's, and the route with it."""
        match, child = super().matches(scope)
        return match, {**child, "route": self}


def to_page(path: str, **query: str) -> RedirectResponse:
    """A redirect to another page, which is then fetched by GET."""
    return RedirectResponse(f"{PREFIX}{path}" + (f"?{urlencode(query)}" if query else ""), status_code=303)


def showing(path: str, capability: str | None, show: Show) -> ConsoleRoute:
    """A route of a page that changes nothing, for whoever has a capability (None: everybody who is logged in)."""

    async def shown(request: Request) -> Response:
        visitor = await visitor_of(request)
        if capability is not None:
            visitor.require(capability)
        response = await show(request, visitor)
        keep_session(request, response, visitor)
        return response

    async def endpoint(request: Request) -> Response:
        return await in_time(shown(request), refusal=unread)

    return ConsoleRoute(f"{PREFIX}{path}", endpoint, methods=["GET"], name=f"show {path}")


def changing(path: str, capability: str | None, change: Change, *, limit: int = _FORM_BYTES) -> ConsoleRoute:
    """A route of a form, for whoever has a capability (None: everybody who is logged in)."""

    async def endpoint(request: Request) -> Response:
        require_own_site(request.headers, request.headers.get("host", ""))
        visitor = await visitor_of(request)
        form = await read_form(request, visitor.console.services, limit)
        require_own_form(visitor.seal, visitor.session, form)
        if capability is not None:
            visitor.require(capability)
        response = await change(request, visitor, form)
        keep_session(request, response, visitor)
        return response

    return ConsoleRoute(f"{PREFIX}{path}", endpoint, methods=["POST"], name=f"change {path}")
