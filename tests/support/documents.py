"""The bundled real documents (tests/data/README.md), read anew at each call so that a test may change them."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import orjson

__all__ = ["DATA", "documents", "histories"]

DATA = Path(__file__).parents[1] / "data"


@cache
def _lines() -> list[bytes]:
    return gzip.decompress((DATA / "documents.ndjson.gz").read_bytes()).splitlines()


def histories() -> dict[int, list[dict[str, Any]]]:
    """The successive copies of each student's document, oldest first."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in map(orjson.loads, _lines()):
        found.setdefault(row["history"], []).append(row["document"])
    return found


def documents() -> dict[str, dict[str, Any]]:
    """Every document by `history/version`."""
    return {f"{row['history']}/{row['version']}": row["document"] for row in map(orjson.loads, _lines())}
