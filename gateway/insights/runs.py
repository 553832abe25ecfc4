"""Long lists in runs that fit a question: ClickHouse takes 128 KiB of one parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["runs"]

_MOST_BYTES: Final = 100 << 10
# Quotes and what stands between two of them.
_AROUND: Final = 4

_One = TypeVar("_One")


def runs(values: Iterable[_One], texts: Callable[[_One], Iterable[str]]) -> Iterator[list[_One]]:
    """The values in their order, in runs of which the texts of each take no more than a parameter may.

    Every character of a text may have to be escaped.
    """
    run: list[_One] = []
    size = 0
    for value in values:
        more = sum(2 * len(text.encode("utf-8", "surrogatepass")) + _AROUND for text in texts(value))
        if run and size + more > _MOST_BYTES:
            yield run
            run, size = [], 0
        run.append(value)
        size += more
    if run:
        yield run
