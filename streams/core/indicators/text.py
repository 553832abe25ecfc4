"""An explanation as plain English text, for support and the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.times import sql_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.core.indicators.explain import Explanation, Mover, Summand
    from streams.core.indicators.model import Unit

__all__ = ["render"]

_MOST_STEPS: Final = 5
_LONGEST_NAME: Final = 80
_SECOND: Final = 1_000_000


def _duration(seconds: float) -> str:
    sign = "-" if seconds < 0 else ""
    minutes, second = divmod(round(abs(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours} h {minute:02} min"
    return f"{sign}{minute} min {second:02} s" if minute else f"{sign}{second} s"


def _amount(value: float, unit: Unit) -> str:
    if unit == "seconds":
        return _duration(value)
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{number} %" if unit == "percent" else number


def _instant(microseconds: int) -> str:
    return sql_time(microseconds // _SECOND * 1000)[:-4]


def _attempts(starts: list[int | None]) -> str:
    known = sorted(start for start in starts if start is not None)
    counted = "1 attempt" if len(starts) == 1 else f"{len(starts)} attempts"
    if not known:
        return counted
    first, last = _instant(known[0]), _instant(known[-1])
    return f"{counted}, {first}" if first == last else f"{counted}, {first} to {last}"


def _name(mover: Mover) -> str:
    if mover.slug is None or mover.slug == "":
        return f"step {mover.position}"
    slug = str(mover.slug)
    # Students write slugs, too: none may steer the terminal that shows them.
    slug = "".join(character if character.isprintable() else "\ufffd" for character in slug[:_LONGEST_NAME])
    return slug if len(slug) < _LONGEST_NAME else f"{slug[:-1]}…"


def _mover(mover: Mover, unit: Unit) -> str:
    line = f"    {mover.points:+7.2f}  {_name(mover)} ({mover.status})"
    if mover.starts:
        return f"{line}: {_attempts(mover.starts)}"
    return f"{line}: {_duration(mover.amount)}" if unit == "seconds" else line


def _summand(term: Summand) -> Iterator[str]:
    value = _amount(term.value, term.unit)
    yield f"  {term.points:+7.2f}  {term.label}: {value} ({term.normalised:.2f} of 100, weight {term.weight})"
    if not term.points:
        return
    ranked = sorted(term.movers, key=lambda mover: -abs(mover.points))
    for mover in ranked[:_MOST_STEPS]:
        yield _mover(mover, term.unit)
    if rest := ranked[_MOST_STEPS:]:
        points = sum(mover.points for mover in rest)
        yield f"    {points:+7.2f}  {len(rest)} more {'step' if len(rest) == 1 else 'steps'}"


def render(explanation: Explanation) -> str:
    """The text of an explanation: each score, its terms with their points, and the steps that moved them most.

    Times are UTC. It names steps, counts and times only, never code, output or people.
    """
    lines = []
    for score in explanation.scores:
        steps = "1 step" if explanation.steps == 1 else f"{explanation.steps} steps"
        lines.append(f"{score.name.capitalize()} {score.value:.2f} of 100 ({steps}, algorithm {explanation.version})")
        for term in score.terms:
            lines.extend(_summand(term))
    return "\n".join(lines)
