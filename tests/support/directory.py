"""Small directories for tests."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.reference.lookup import Reference

__all__ = ["directory_of"]


def directory_of(*assets: dict[str, Any]) -> Reference:
    """A view of some assets, each with at least an id and a slug."""
    reference = Reference()
    for asset in assets:
        reference.apply("assets", b"%d" % asset["id"], orjson.dumps(asset))
    return reference
