"""The page /docs and the files it needs: all of this origin, under a policy that lets it ask no other."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.static_files import answered, load, versioned

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["FILES", "PATH", "reference_routes"]

PATH: Final = "/docs"

_HERE: Final = files("gateway.reference")

# Swagger's files are as their makers published them (vendor/manifest.json); the script that starts them is ours.
FILES: Final = {**load(_HERE), **load(_HERE.joinpath("vendor"))}

# Swagger shows small pictures that stand in its style sheet. What is tried out goes to this origin.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{style}">
<link rel="icon" type="image/png" href="{icon}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{bundle}"></script>
<script src="{start}" data-document="{document}"></script>
</body>
</html>
"""


def reference_routes(title: str, document: str) -> list[Route]:
    """Routes of the page with this title for the OpenAPI document at a path, and of its files."""

    async def show(request: Request) -> Response:
        # Where a proxy passes on only what is below a path.
        root = request.scope.get("root_path", "").rstrip("/")
        below = f"{root}{PATH}/static"
        html = _PAGE.format(
            title=escape(title),
            style=escape(versioned(FILES, below, "swagger-ui.css")),
            icon=escape(versioned(FILES, below, "favicon-32x32.png")),
            bundle=escape(versioned(FILES, below, "swagger-ui-bundle.js")),
            start=escape(versioned(FILES, below, "start.js")),
            document=escape(f"{root}{document}"),
        )
        return HTMLResponse(html, headers={**_HEADERS, "Cache-Control": "no-cache"})

    async def static_file(request: Request) -> Response:
        found = answered(FILES, request.path_params["name"], request.query_params.get("v"))
        if found is None:
            raise HTTPException(404)
        found.headers["X-Content-Type-Options"] = "nosniff"
        return found

    return [
        Route(PATH, show, methods=["GET"], include_in_schema=False),
        Route(f"{PATH}/static/{{name}}", static_file, methods=["GET"], include_in_schema=False),
    ]
