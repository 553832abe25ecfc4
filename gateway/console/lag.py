"""How far partitions were behind in the last hours, as a picture with its table."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from gateway.console.charts import FIELD, nice_top

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LagLine", "LagPicture", "lag_picture"]

# As many as can be told apart; the table has the others.
_DRAWN: Final = 6


@dataclass(frozen=True, slots=True)
class LagLine:
    """A partition: its number among those that are drawn, its name, and the points of its pieces.

    A piece goes on for as long as somebody has measured.
    """

    number: int
    name: str
    pieces: list[str]


@dataclass(frozen=True, slots=True)
class LagPicture:
    """Lines over the last hours; the axis goes from 0 to `top` seconds, `gaps` are where nobody measured."""

    top: int
    lines: list[LagLine]
    gaps: list[tuple[float, float]]


def lag_picture(history: Mapping[str, Any]) -> LagPicture:
    """The picture of `gateway.insights.lag_history.lag_series`."""
    drawn = history["partitions"][:_DRAWN]
    top = nice_top(ceil(max((one["most_seconds"] for one in drawn), default=0)))
    lines = [
        LagLine(number, f"{one['group']} · {one['topic']} · {one['partition']}", _pieces(one["seconds"], top))
        for number, one in enumerate(drawn)
    ]
    return LagPicture(top, lines, _gaps(history["measured"]))


def _pieces(seconds: Sequence[float | None], top: int) -> list[str]:
    """A figure holds for the whole of its step, so that a single one can be seen."""
    breadth = FIELD / max(1, len(seconds))
    pieces: list[list[str]] = [[]]
    for place, waited in enumerate(seconds):
        if waited is None:
            pieces.append([])
        else:
            height = FIELD - waited / top * FIELD
            pieces[-1] += [f"{edge * breadth:.1f},{height:.1f}" for edge in (place, place + 1)]
    return [" ".join(points) for points in pieces if points]


def _gaps(measured: Sequence[bool]) -> list[tuple[float, float]]:
    """Where each gap begins and how far it goes."""
    breadth = FIELD / max(1, len(measured))
    gaps: list[tuple[float, float]] = []
    for place, known in enumerate(measured):
        if known:
            continue
        begins = round(place * breadth, 1)
        if gaps and abs(sum(gaps[-1]) - begins) < breadth / 2:
            gaps[-1] = (gaps[-1][0], round(gaps[-1][1] + breadth, 1))
        else:
            gaps.append((begins, round(breadth, 1)))
    return gaps
