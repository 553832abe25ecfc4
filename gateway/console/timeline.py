"""What a student did as a picture: a lane for each step, time to the right, and pauses folded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from gateway.console.formats import instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["Lane", "Mark", "Timeline", "kind_of", "timeline"]

# Who does nothing for so long was away.
_PAUSE: Final = timedelta(minutes=10)

# Pixels, which a page may stretch.
_LABEL: Final = 200
_LEAST_WIDTH: Final = 720
_RUN: Final = 56
_FOLD: Final = 30
_TICK: Final = 84
_LANE: Final = 24
_HEAD: Final = 26
_MARGIN: Final = 10

_TRIES: Final = frozenset({"compile", "test", "quiz_submission"})
_KNOWN: Final = frozenset({"open_step", "complete_step", "ai_interaction", "start_session", "start_tutorial"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done: what kind of, where, and which of the things it is."""

    kind: str
    x: float
    y: float
    thing: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lane:
    """A step; its name is empty for what is of no step."""

    step: str
    y: float


@dataclass(frozen=True, slots=True)
class Fold:
    """A pause of so many seconds, which takes the room of a moment."""

    x: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture: `starts` are where work began anew, with the instant."""

    width: float
    height: float
    left: float
    lanes: list[Lane]
    marks: list[Mark]
    folds: list[Fold]
    starts: list[tuple[float, str]]


def kind_of(thing: dict[str, Any]) -> str:
    """What a thing is drawn as: a try that went well or failed by name, else what it is."""
    event: str = thing["event"]
    if event in _TRIES:
        state = {True: "ok", False: "bad"}.get(thing["succeeded"], "open")
        return f"{event.partition('_')[0]}-{state}"
    return event if event in _KNOWN else "other"


def timeline(things: Sequence[dict[str, Any]]) -> Timeline | None:
    """The picture of rows of `gateway.insights.work.find_timeline`; None where there are none.

    Steps are in the order of their places, what is of no step above all.
    """
    if not things:
        return None
    ordered = sorted(things, key=lambda thing: str(thing["occurred_at"]))
    times = [instant_of(thing["occurred_at"]) for thing in ordered]
    places, folds, starts, width = _spread(times)
    lanes = _lanes(ordered)
    marks = [
        Mark(kind_of(thing), _LABEL + place, lanes[thing["step_slug"]], thing)
        for thing, place in zip(ordered, places, strict=True)
    ]
    return Timeline(
        width=_LABEL + width + _MARGIN,
        height=_HEAD + _LANE * len(lanes) + _MARGIN,
        left=_LABEL,
        lanes=[Lane(step, y) for step, y in lanes.items()],
        marks=marks,
        folds=[Fold(_LABEL + x, seconds) for x, seconds in folds],
        starts=[(_LABEL + x, ordered[number]["occurred_at"]) for x, number in _apart(starts)],
    )


def _apart(starts: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Those of them whose labels have room beside each other."""
    kept: list[tuple[float, int]] = []
    for x, number in starts:
        if not kept or x - kept[-1][0] >= _TICK:
            kept.append((x, number))
    return kept


def _lanes(things: Sequence[dict[str, Any]]) -> dict[str, float]:
    positions: dict[str, tuple[int, str]] = {}
    for thing in things:
        step = thing["step_slug"]
        place = thing["step_position"]
        positions[step] = (-1 if not step else place if place is not None else 1 << 30, step)
    ordered = sorted(positions, key=lambda step: positions[step])
    return {step: _HEAD + _LANE * (number + 0.5) for number, step in enumerate(ordered)}


def _spread(
    times: Sequence[datetime],
) -> tuple[list[float], list[tuple[float, float]], list[tuple[float, int]], float]:
    """Where each moment stands, the folds with their seconds, the begins of runs with their numbers, and the width."""
    gaps = [(late - early).total_seconds() for early, late in pairwise(times)]
    pause = _PAUSE.total_seconds()
    runs = 1 + sum(gap > pause for gap in gaps)
    worked = sum(gap for gap in gaps if gap <= pause)
    width = float(max(_LEAST_WIDTH, runs * (_RUN + _FOLD)))
    # Each run has some room, however short it is; the rest is dealt out by time.
    scale = (width - runs * (_RUN // 2 + _FOLD)) / worked if worked else 0.0
    at = float(_FOLD / 2)
    places, folds, starts = [at], [], [(at, 0)]
    for number, gap in enumerate(gaps, 1):
        if gap > pause:
            folds.append((round(at + _RUN / 2 + _FOLD / 2 - 6, 1), gap))
            at += _RUN / 2 + _FOLD
            starts.append((round(at, 1), number))
        else:
            at += gap * scale
        places.append(round(at, 1))
    return places, folds, starts, width
