"""What tells whether two tables hold the same raw records, computed by ClickHouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FIGURES", "Figures", "figures_of"]

# Nothing that is null goes into a hash, which would be null itself.
FIGURES: Final = """
SELECT count(), min(place), max(place), sum(sipHash64(
    id, place, partition, partitions, toUnixTimestamp64Milli(received_at), isNull(key), ifNull(key, ''),
    isNull(value), ifNull(value, ''), arrayMap(h -> (h.1, isNull(h.2), ifNull(h.2, '')), headers)
))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many rows, from which place to which, and a digest of them that does not depend on their order."""

    rows: int
    low: int
    high: int
    digest: int


def figures_of(rows: Sequence[Sequence[Any]]) -> Figures:
    """The one row that FIGURES gives."""
    ((count, low, high, digest),) = rows
    return Figures(int(count), int(low), int(high), int(digest))
