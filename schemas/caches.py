"""Caches of what recurs, bounded in bytes: what clients write may be as long as they like."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["cached"]

_Text = TypeVar("_Text", str, bytes)
_Result = TypeVar("_Result")


def cached(most: int, longest: int) -> Callable[[Callable[[_Text], _Result]], Callable[[_Text], _Result]]:
    """Decorate a function of one text: the results of the last `most` texts of up to `longest` characters are kept.

    What it returns is shared by all who ask, and must not be changed.
    """

    def decorate(function: Callable[[_Text], _Result]) -> Callable[[_Text], _Result]:
        kept = lru_cache(maxsize=most)(function)

        @wraps(function)
        def call(text: _Text) -> _Result:
            return kept(text) if len(text) <= longest else function(text)

        call.cache_info = kept.cache_info  # type: ignore[attr-defined]
        return call

    return decorate
