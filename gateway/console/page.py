"""How an answer becomes a page: templates that escape everything, and headers that let a page do nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from gateway.console.formats import Formats, cut, step_number
from gateway.console.words import said, say
from gateway.static_files import answered, load, versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from gateway.console.view import View
    from gateway.console.visitor import Visitor

__all__ = ["PREFIX", "STATIC", "compile_templates", "guarded", "render", "rendered", "static_file"]

PREFIX: Final = "/console"

# Nothing inline, nothing of another origin, in nobody's frame. `same-origin`: without an Origin of ours, forms of ours
# could not be told from others' where a browser sends no Sec-Fetch-Site.
_HEADERS: Final[list[tuple[bytes, bytes]]] = [
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]

STATIC: Final = load(files("gateway.console").joinpath("static"))


_environment: Final = Environment(
    loader=PackageLoader("gateway.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.globals["static"] = partial(versioned, STATIC, f"{PREFIX}/static")
_environment.globals["prefix"] = PREFIX
_environment.filters["cut"] = cut
_environment.filters["step_number"] = step_number


def compile_templates() -> None:
    """Compile all templates, which whoever opens a page first would wait for; blocks for as long as that takes."""
    for name in _environment.list_templates(["html"]):
        _environment.get_template(name)


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The HTML of a template; blocks for as long as that takes."""
    return _environment.get_template(template).render(values)


async def render(
    request: Request,
    template: str,
    view: View,
    formats: Formats,
    /,
    *,
    visitor: Visitor | None = None,
    status: int = 200,
    **values: Any,
) -> Response:
    """A page; it is in no cache, and written off the loop."""
    # What a form was sent to is below the page that it stood on, which can be asked for again.
    path = request.url.path if request.method in {"GET", "HEAD"} else request.url.path.rpartition("/")[0]
    everything = {
        "say": partial(say, view.language),
        "said": partial(said, view.language),
        "view": view,
        "f": formats,
        "visitor": visitor,
        "here": path,
        "address": f"{path}?{request.url.query}" if request.url.query else path,
        "navigation": request.app.state.navigation,
        **values,
    }
    html = await asyncio.to_thread(rendered, template, everything)
    headers = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    return HTMLResponse(html, status_code=status, headers=headers)


async def static_file(request: Request) -> Response:
    """A file of the package; an address with its version never changes."""
    found = answered(STATIC, request.path_params["name"], request.query_params.get("v"))
    return Response(status_code=404) if found is None else found


def guarded(app: Callable[..., Any]) -> Callable[..., Any]:
    """The same ASGI application with the headers above on every answer, those of errors among them."""

    async def with_headers(scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def adding(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        await app(scope, receive, adding)

    return with_headers
