"""Figures as shapes: where each bar of a picture stands, in a field of 1000 by 1000 that a page stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FIELD", "Bar", "Bars", "Segment", "line", "nice_top", "shares", "stacked"]

FIELD: Final = 1000

_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: what it is of, how many, and where it begins and how far it goes."""

    name: str
    count: int
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its parts; `label` says what it stands for."""

    label: str
    place: float
    breadth: float
    total: int
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars side by side; the axis goes from 0 to `top`."""

    bars: list[Bar]
    top: int


def nice_top(most: int) -> int:
    """The end of an axis for figures up to `most`: 1, 2 or 5 with noughts."""
    size = 1
    while True:
        for step in _STEPS:
            if most <= step * size:
                return step * size
        size *= 10


def stacked(columns: Sequence[tuple[str, Mapping[str, int]]], names: Sequence[str]) -> Bars:
    """A bar for each column with its figures of `names` on top of each other, from the ground up."""
    totals = [sum(figures.get(name, 0) for name in names) for _, figures in columns]
    top = nice_top(max(totals, default=0))
    breadth = FIELD / max(1, len(columns))
    bars = []
    for number, ((label, figures), total) in enumerate(zip(columns, totals, strict=True)):
        ground, segments = float(FIELD), []
        for name in names:
            if count := figures.get(name, 0):
                length = count / top * FIELD
                ground -= length
                segments.append(Segment(name, count, round(ground, 1), round(length, 1)))
        bars.append(Bar(label, round(number * breadth, 1), round(breadth * 0.85, 1), total, segments))
    return Bars(bars, top)


def shares(figures: Mapping[str, int], names: Sequence[str]) -> list[Segment]:
    """One bar across, with the share of each of `names` from left to right; empty where all are 0."""
    total = sum(figures.get(name, 0) for name in names)
    at, segments = 0.0, []
    for name in names:
        if count := figures.get(name, 0):
            length = count / total * FIELD
            segments.append(Segment(name, count, round(at, 1), round(length, 1)))
            at += length
    return segments


def line(values: Sequence[tuple[float, float | None]]) -> str:
    """The points of a line through values of 0 to 100 at places of 0 to 1, as SVG has them; what is None is left out.

    What lies beyond is drawn at the edge.
    """
    return " ".join(
        f"{place * FIELD:.0f},{FIELD - min(max(value, 0), 100) * FIELD / 100:.0f}"
        for place, value in values
        if value is not None
    )
