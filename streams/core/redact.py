"""Leaves named keys out of a document, at any depth."""

from __future__ import annotations

from typing import Any

__all__ = ["redacted"]


def redacted(value: Any, keys: frozenset[str]) -> Any:
    """A copy of a JSON value without the named keys."""
    if type(value) is dict:
        return {key: redacted(item, keys) for key, item in value.items() if key not in keys}
    if type(value) is list:
        return [redacted(item, keys) for item in value]
    return value
