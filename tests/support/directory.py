"""Small directories for tests."""

from __future__ import annotations

import json
from typing import Any

import orjson

from schemas.reference.lookup import Reference

__all__ = ["SCHOOL", "SHA256", "directory_of", "dumps"]


def directory_of(*assets: dict[str, Any]) -> Reference:
    """A view of some assets, each with at least an id and a slug."""
    reference = Reference()
    for asset in assets:
        reference.apply("assets", b"%d" % asset["id"], orjson.dumps(asset))
    return reference


# Two tutorials: loops in three languages (canonical is the Spanish one), maps in English; arrays in German alone.
SCHOOL = directory_of(
    {"id": 5, "slug": "loops", "lang": "us", "aliases": ["old-loops"], "learnpack_id": 50, "graded": False},
    {"id": 3, "slug": "bucles", "lang": "es", "translations": {"us": "loops", "it": "cicli"}, "graded": True},
    {"id": 7, "slug": "cicli", "lang": "it"},
    {"id": 8, "slug": "maps", "lang": "EN ", "learnpack_id": 80},
    {"id": 9, "slug": "arrays", "lang": "de"},
)

# The key of a token.
SHA256 = "0123456789abcdef" * 4


def dumps(record: Any) -> bytes:
    """A record as the topic carries it."""
    return json.dumps(record).encode()
