"""`/notebook`: the wheels of the notebooks' package, from this gateway, so that no cell installs by a name.

A name in an index belongs to whoever registers it first; an address of the course's own gateway with the wheel's hash
belongs to the course. The wheels lie beside this module as they were built once (deploy.notebook_wheel), because a cell
holds the hash for as long as somebody opens the notebook: to build them anew on each machine would change it.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

    from starlette.requests import Request

__all__ = ["PATH", "Wheel", "notebook_routes", "wheels"]

PATH: Final = "/notebook"

_NAME: Final = re.compile(r"learnpack_notebook_telemetry-(?P<version>\d+(?:\.\d+)*)-py3-none-any\.whl")

# Asked again after five minutes, and then answered without the bytes.
_HEADERS: Final = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}


class Wheel(NamedTuple):
    """A release of the package: the name of its file, its version, its bytes and their SHA-256."""

    file: str
    version: str
    body: bytes
    sha256: str

    @property
    def tag(self) -> str:
        """What tells caches whether they have these bytes."""
        return f'"{self.sha256}"'


def wheels(folder: Traversable) -> list[Wheel]:
    """The wheels of a folder, the newest first; other files are left alone."""
    found = []
    for file in folder.iterdir():
        if named := _NAME.fullmatch(file.name):
            body = file.read_bytes()
            found.append(Wheel(file.name, named["version"], body, hashlib.sha256(body).hexdigest()))
    return sorted(found, key=lambda wheel: [int(part) for part in wheel.version.split(".")], reverse=True)


def notebook_routes(offered: Iterable[Wheel] | None = None) -> list[Route]:
    """The list of what there is, and each wheel; no request touches the disk, and none needs a token."""
    given = wheels(files("gateway.notebook").joinpath("wheels")) if offered is None else list(offered)
    by_name = {wheel.file: wheel for wheel in given}
    listed = [
        {"file": wheel.file, "version": wheel.version, "sha256": wheel.sha256, "bytes": len(wheel.body)}
        for wheel in given
    ]

    async def show(_request: Request) -> Response:
        return JSONResponse({"results": listed}, headers=_HEADERS)

    async def wheel(request: Request) -> Response:
        found = by_name.get(request.path_params["file"])
        if found is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "ETag": found.tag}
        if _has(request.headers.get("if-none-match", ""), found.tag):
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type="application/octet-stream", headers=headers)

    return [
        *(Route(path, show, methods=["GET"], include_in_schema=False) for path in (PATH, f"{PATH}/")),
        Route(f"{PATH}/{{file}}", wheel, methods=["GET"], include_in_schema=False),
    ]


def _has(known: str, tag: str) -> bool:
    """Whether `If-None-Match` names these bytes; a proxy that compresses marks the tag as weak."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(","))
