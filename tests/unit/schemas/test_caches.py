"""Caches that callers cannot fill."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from schemas.caches import cached
from tests.support.sources import parsed

# Caches of what no client writes: days, sets of capabilities, the names of all time zones, once, and the connections to
# the few ClickHouses of the settings.
OWN = {
    "schemas/times.py": "sql_date",
    "schemas/caches.py": "decorate",
    "schemas/time_zones.py": "_known",
    "broker/clickhouse.py": "_pool",
}


def test_only_short_texts_are_kept() -> None:
    """What is long is computed each time; of the short ones, the last that were asked for."""
    asked: list[str] = []

    @cached(2, longest=3)
    def doubled(text: str) -> str:
        asked.append(text)
        return text * 2

    for text in ("a", "a", "long", "long", "b", "c", "a"):
        assert doubled(text) == text * 2

    assert asked == ["a", "long", "long", "b", "c", "a"]


def test_no_cache_is_without_bounds() -> None:
    """Every cache in what serves callers is one of these, or of what no client writes."""
    root = Path(__file__).parents[3]
    found: dict[str, str] = {}
    for package in ("schemas", "streams", "sinks", "gateway", "broker"):
        for file in (root / package).rglob("*.py"):
            for node in ast.walk(parsed(file.read_text())):
                if isinstance(node, ast.FunctionDef) and any(map(_is_cache, node.decorator_list)):
                    found[str(file.relative_to(root))] = node.name
                elif isinstance(node, ast.Assign) and _is_cache(node.value):
                    found[str(file.relative_to(root))] = "decorate"

    assert found == OWN


def _is_cache(node: Any) -> bool:
    named = {one.id if isinstance(one, ast.Name) else getattr(one, "attr", "") for one in ast.walk(node)}
    return not named.isdisjoint({"lru_cache", "cache", "cached_property"})
