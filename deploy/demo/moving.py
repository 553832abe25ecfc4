"""A document's work at other times: pauses shortened, cut where it should end, and spread over spells (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Spell", "Worked", "failing", "hardest_step", "instant", "retold", "worked"]

# Who does nothing for longer was away.
_PAUSE: Final = 5 * 60_000
_LISTS: Final = ("compilations", "tests", "ai_interactions")
_ENDS: Final = ("ended_at", "ending_at")


@dataclass(frozen=True, slots=True)
class Worked:
    """How long somebody had worked at each instant of a document, in milliseconds without pauses, and in all."""

    of: dict[int, int]
    total: int


@dataclass(frozen=True, slots=True)
class Spell:
    """Work from `first` to `last` (milliseconds worked) that ended at `end` (milliseconds since 1970 UTC)."""

    first: int
    last: int
    end: int

    def moved(self, done: int) -> int:
        """When so much was done."""
        return self.end - (self.last - done)


def worked(document: dict[str, Any]) -> Worked:
    """How long the student had worked at each instant that the document names."""
    instants = sorted(set(_instants(document)))
    of, total = {instants[0]: 0}, 0
    for before, after in pairwise(instants):
        total += min(after - before, _PAUSE)
        of[after] = total
    return Worked(of, total)


def _instants(document: dict[str, Any]) -> Iterator[int]:
    yield document["tutorial_started_at"]
    for step in document["steps"]:
        yield from (step[name] for name in ("opened_at", "completed_at") if name in step)
        for item in _items(step):
            yield from (instant(item[name]) for name in ("starting_at", *_ENDS) if name in item)


def instant(value: Any) -> int:
    """A time of a document, which may be a text, in milliseconds since 1970 UTC."""
    at = parse_time(value)
    assert at is not None  # noqa: S101 - the bundled documents have no others
    return at // 1000


def _items(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _LISTS:
        yield from step.get(name, ())


def retold(document: dict[str, Any], done: Worked, spells: Sequence[Spell]) -> dict[str, Any]:
    """The document as it was when the last of the spells ended; they follow each other without a gap of work."""

    def moved(value: Any) -> int | None:
        at = done.of[instant(value)]
        return next((spell.moved(at) for spell in spells if at <= spell.last), None)

    def of_item(item: dict[str, Any]) -> dict[str, Any]:
        # What went on when it ended was over by then.
        ends: dict[str, Any] = {name: moved(item[name]) or spells[-1].end for name in _ENDS if name in item}
        return {**item, "starting_at": moved(item["starting_at"]), **ends}

    steps = []
    for step in document["steps"]:
        times = {name: moved(step[name]) for name in ("opened_at", "completed_at") if name in step}
        kept = {name: value for name, value in step.items() if name not in times}
        lists = {
            name: [of_item(item) for item in step[name] if moved(item["starting_at"]) is not None]
            for name in _LISTS
            if name in step
        }
        steps.append({**kept, **lists, **{name: at for name, at in times.items() if at is not None}})
    return {
        **document,
        "tutorial_started_at": moved(document["tutorial_started_at"]),
        "last_interaction_at": spells[-1].end,
        "steps": steps,
        "workout_session": [
            {"started_at": spell.moved(spell.first), "ended_at": spell.moved(spell.last)} for spell in spells
        ],
    }


def failing(step: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The longest run of compilations and tests of a step that failed one after the other, each with its list."""
    tries = [(name, item) for name in ("compilations", "tests") for item in step.get(name, ())]
    longest: list[tuple[str, dict[str, Any]]] = []
    run: list[tuple[str, dict[str, Any]]] = []
    for attempt in sorted(tries, key=lambda attempt: attempt[1]["starting_at"]):
        run = [*run, attempt] if attempt[1].get("exit_code") else []
        longest = max(longest, run, key=len)
    return longest


def hardest_step(document: dict[str, Any]) -> dict[str, Any]:
    """The step in which most of them failed one after the other."""
    return max(document["steps"], key=lambda step: len(failing(step)))
