"""Log-in with a token or by a link, log-out, and what is chosen for all pages."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse

from gateway.access import starting
from gateway.console.cookies import drop_session, set_session, set_view
from gateway.console.csrf import require_own_site
from gateway.console.formats import Formats
from gateway.console.forms import read_form
from gateway.console.once import offered_token, take_link
from gateway.console.page import PREFIX, render
from gateway.console.routes import ConsoleRoute, changing, to_page
from gateway.console.session import Session
from gateway.console.visitor import view_of
from gateway.errors import ApiError
from gateway.operating import OPERATE
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Console, Visitor
    from schemas.reference.directory import Token

__all__ = ["HOME", "ROUTES", "own_path"]

HOME: Final = "/"
_PATH: Final = "/login"
_FORM_BYTES: Final = 8 << 10
# Why somebody is asked to log in, as the address says.
_REASONS: Final = frozenset({"over", "link"})


def own_path(address: str) -> str:
    """An address that a form names, if it is one of our pages; else the first page."""
    own = address.startswith(f"{PREFIX}/") and "\\" not in address and address.isprintable()
    return address if own and not address.startswith(f"{PREFIX}{_PATH}") else f"{PREFIX}{HOME}"


async def _asked(request: Request, trouble: str = "", status: int = 200, going: str | None = None) -> Response:
    view = view_of(request)
    return await render(
        request,
        "login.html",
        view,
        Formats(view.language, datetime.now(UTC)),
        status=status,
        trouble=trouble,
        going=own_path(request.query_params.get("next", "") if going is None else going),
    )


async def _show(request: Request) -> Response:
    code = request.query_params.get("link")
    if code is not None and request.method == "GET":
        return await _follow(request, code)
    reason = request.query_params.get("why", "")
    return await _asked(request, f"login.{reason}" if reason in _REASONS else "")


async def _follow(request: Request, code: str) -> Response:
    console: Console = request.app.state.console
    _require_complete(console)
    spool = console.services.settings.spool
    digest = await asyncio.to_thread(offered_token, spool, code, time.time())
    if digest is None:
        return to_page(_PATH, why="link")
    # Whatever may fail comes before the link is used up.
    answer = await _begin(request, console.services.access.of_digest(digest), f"{PREFIX}{HOME}")
    return answer if await asyncio.to_thread(take_link, spool, code) else to_page(_PATH, why="link")


def _require_complete(console: Console) -> None:
    if not console.services.views.complete:
        raise starting()


async def _enter(request: Request) -> Response:
    require_own_site(request.headers, request.headers.get("host", ""))
    console: Console = request.app.state.console
    form = await read_form(request, console.services, _FORM_BYTES)
    going, secret = form.get("next", ""), form.get("token", "").strip()
    if not secret:
        return await _asked(request, "login.empty", 400, going)
    _require_complete(console)
    try:
        token = console.services.access.token(secret)
    except ApiError as error:
        if error.slug != "invalid-token":
            raise
        return await _asked(request, "login.unknown", 401, going)
    if not token.academies_with(READ) and not token.academies_with(OPERATE):
        return await _asked(request, "login.nothing", 403, going)
    return await _begin(request, token, own_path(going))


async def _begin(request: Request, token: Token, address: str) -> Response:
    console: Console = request.app.state.console
    academies = token.academies_with(READ)
    usual = console.services.settings.default_academy
    academy = usual if usual in academies else min(academies, default=None)
    response = RedirectResponse(address, status_code=303)
    set_session(request, response, await console.sealing(), Session.begun(token.sha256, academy, int(time.time())))
    return response


async def _leave(request: Request, _visitor: Visitor, _form: dict[str, str]) -> Response:
    response = to_page(_PATH)
    drop_session(request, response)
    return response


async def _choose(request: Request) -> Response:
    """What changes nothing but this browser's cookie is everybody's, on the page of log-in as well."""
    require_own_site(request.headers, request.headers.get("host", ""))
    form = await read_form(request, request.app.state.console.services, _FORM_BYTES)
    response = RedirectResponse(_login_too(form.get("next", "")), status_code=303)
    set_view(request, response, view_of(request).changed(form))
    return response


def _login_too(address: str) -> str:
    return f"{PREFIX}{_PATH}" if address.startswith(f"{PREFIX}{_PATH}") else own_path(address)


async def _look_at(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    academy = digits_as_id(form.get("academy"))
    if academy not in visitor.academies:
        raise ApiError("missing-capability", capability=READ, academy=form.get("academy", "")[:20])
    response = to_page(HOME)
    now = int(visitor.now)
    # A new one: pseudonyms of one academy say nothing of another's.
    begun = Session.begun(visitor.token.sha256, academy, now)
    set_session(
        request,
        response,
        visitor.seal,
        Session(begun.token, academy, visitor.session.began, now, begun.nonce),
    )
    return response


ROUTES: Final = [
    ConsoleRoute(f"{PREFIX}{_PATH}", _show, methods=["GET"], name="login"),
    ConsoleRoute(f"{PREFIX}{_PATH}", _enter, methods=["POST"], name="enter"),
    ConsoleRoute(f"{PREFIX}/view", _choose, methods=["POST"], name="view"),
    changing("/logout", None, _leave),
    changing("/academy", None, _look_at),
]
