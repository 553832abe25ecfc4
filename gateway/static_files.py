"""Files of the package that browsers get: read once, and kept by caches for as long as they are what they were."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

__all__ = ["StaticFile", "answered", "load", "versioned"]

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "png": "image/png", "svg": "image/svg+xml"}


class StaticFile(NamedTuple):
    """A file's bytes, its media type, and a version that is another one whenever the bytes are others."""

    body: bytes
    kind: str
    version: str


def load(folder: Traversable) -> dict[str, StaticFile]:
    """The files of a folder that a browser knows, by name; no request touches the disk for them."""
    loaded = {}
    for file in folder.iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            body = file.read_bytes()
            loaded[file.name] = StaticFile(body, kind, hashlib.sha256(body).hexdigest()[:16])
    return loaded


def versioned(files: Mapping[str, StaticFile], prefix: str, name: str) -> str:
    """The address of a file below a prefix, with its version; raises KeyError for one that is not there."""
    return f"{prefix}/{name}?v={files[name].version}"


def answered(files: Mapping[str, StaticFile], name: str, version: str | None) -> Response | None:
    """The file, or None if it is not there; kept for a year with its version, for five minutes with another one."""
    found = files.get(name)
    if found is None:
        return None
    kept = "max-age=31536000, immutable" if version == found.version else "max-age=300"
    return Response(found.body, media_type=found.kind, headers={"Cache-Control": f"public, {kept}"})
