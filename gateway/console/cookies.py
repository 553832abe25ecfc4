"""The console's two cookies: they go to its pages only, no script reads them, no other site's request brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.console.page import PREFIX
from gateway.console.visitor import SESSION_COOKIE, VIEW_COOKIE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.session import Seal, Session
    from gateway.console.view import View
    from gateway.console.visitor import Visitor

__all__ = ["drop_session", "is_encrypted", "keep_session", "set_session", "set_view"]

_YEAR_SECONDS: Final = 365 * 86400


def is_encrypted(request: Request) -> bool:
    """Whether the browser speaks HTTPS, to us or to a proxy in front; who lies about that harms only himself."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=PREFIX,
        secure=is_encrypted(request),
        httponly=True,
        samesite="strict",
    )


def set_session(request: Request, response: Response, seal: Seal, session: Session) -> None:
    """Give the sender of a request a session."""
    _set(request, response, SESSION_COOKIE, seal.seal(session), session.seconds_left(session.used))


def keep_session(request: Request, response: Response, visitor: Visitor) -> None:
    """Note that a session was used, unless the answer says something else of it already."""
    now = int(visitor.now)
    set_already = any(header.startswith(f"{SESSION_COOKIE}=") for header in response.headers.getlist("set-cookie"))
    # What a page fetches by itself is nobody's use of it.
    by_itself = "x-refresh" in request.headers or request.headers.get("accept") == "text/event-stream"
    if visitor.session.stale(now) and not set_already and not by_itself:
        set_session(request, response, visitor.seal, visitor.session.used_at(now))


def drop_session(request: Request, response: Response) -> None:
    """Take the session away."""
    _set(request, response, SESSION_COOKIE, "", 0)


def set_view(request: Request, response: Response, view: View) -> None:
    """Keep how pages are wanted, for a year."""
    _set(request, response, VIEW_COOKIE, view.cookie(), _YEAR_SECONDS)
