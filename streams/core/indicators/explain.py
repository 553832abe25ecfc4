"""Why a score is what it is: its terms, and the steps and attempts that moved each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from streams.core.indicators import ALGORITHMS, CURRENT, algorithm
from streams.core.slim import slim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.indicators.model import Measured, Metrics, Status, Term, Unit
    from streams.core.state import Document

__all__ = ["Explanation", "Mover", "Score", "Summand", "explain", "explained"]


class Mover(msgspec.Struct, frozen=True):
    """What a step contributes to a term.

    `amount` is what it adds to the term's metric (before it is averaged) and `points` its share of the term's; `starts`
    are the starts of the attempts that count, in microseconds since 1970 UTC, None where the client sent none.
    """

    slug: str | bool | int | float | None
    position: int
    status: Status
    amount: float
    points: float
    starts: list[int | None]


class Summand(msgspec.Struct, frozen=True):
    """A term of a score: `points` = `normalised` * `weight`, and `value` is its metric, nothing of it rounded."""

    metric: str
    label: str
    unit: Unit
    value: float
    normalised: float
    weight: float
    points: float
    movers: list[Mover]


class Score(msgspec.Struct, frozen=True):
    """A score, 0 to 100 and rounded to 2 decimals: the sum of its terms' points."""

    name: str
    value: float
    terms: list[Summand]


class Explanation(msgspec.Struct, frozen=True):
    """The scores of one document by one version of the algorithm; `steps` is how many it has."""

    version: float
    steps: int
    scores: list[Score]


def _movers(term: Term, document: Document, measured: Measured, points: float) -> list[Mover]:
    if term.moved_by is None:
        return []
    moved_by = term.moved_by
    pairs = list(zip(document.steps, measured.steps, strict=True))
    amounts = [moved_by(step, measured_step) for step, measured_step in pairs]
    total = sum(amounts)
    return [
        Mover(
            slug=step.slug,
            position=step.position,
            status=measured_step.status,
            amount=amount,
            points=points * (amount / total) if total else 0.0,
            starts=[attempt.started for attempt in term.items(step, measured_step)] if term.items is not None else [],
        )
        for (step, measured_step), amount in zip(pairs, amounts, strict=True)
        if amount
    ]


def _summand(term: Term, document: Document, measured: Measured) -> Summand:
    metrics: Metrics = measured.metrics
    normalised = term.normalise(metrics)
    points = normalised * term.weight
    return Summand(
        metric=term.metric,
        label=term.label,
        unit=term.unit,
        value=metrics[term.metric],
        normalised=normalised,
        weight=term.weight,
        points=points,
        movers=_movers(term, document, measured, points),
    )


def explain(document: Document, version: float = CURRENT) -> Explanation:
    """Explain the scores of a slim document; raises UnknownAlgorithm for a version that is not there."""
    chosen = algorithm(version)
    measured = chosen.measure(document)
    scores = [
        Score(name, chosen.score(terms, measured.metrics), [_summand(term, document, measured) for term in terms])
        for name, terms in chosen.SCORES.items()
    ]
    return Explanation(chosen.VERSION, len(document.steps), scores)


def explained(payload: Mapping[str, Any], version: float) -> dict[str, Any] | None:
    """An Explanation of a document as the client sent it, as plain values; None for a version that is not there."""
    if version not in ALGORITHMS:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(explain(slim(payload), version))
    return plain
