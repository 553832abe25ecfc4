"""What every version of the indicators' algorithm provides, so that results and explanations look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.core.state import Attempt, Document, Step

__all__ = ["Algorithm", "Indicators", "Measured", "Metrics", "Status", "StepMetrics", "Term", "Unit"]

Unit = Literal["seconds", "percent", "count"]
Status = Literal["unread", "skipped", "attempted", "completed"]

# The global metrics by name, not rounded.
Metrics = dict[str, float]


class StepMetrics(msgspec.Struct, frozen=True, gc=False):
    """What is measured of one step; `time_spent` is in seconds and not rounded."""

    status: Status
    time_spent: float
    comp_struggles: int
    test_struggles: int


class Measured(msgspec.Struct, frozen=True):
    """What is measured of a document; index n of `steps` is index n of the document's."""

    steps: list[StepMetrics]
    metrics: Metrics


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One summand of a score: `normalise` brings its metric to 0..100 (below 0 with wrong clocks), `weight` scales it.

    `label` and `unit` describe the metric for people. `moved_by` is how much one step adds to it (before it is
    averaged), None where steps contribute nothing to it; `items` are the attempts of the step that it counts.
    """

    metric: str
    label: str
    unit: Unit
    weight: float
    normalise: Callable[[Metrics], float]
    moved_by: Callable[[Step, StepMetrics], float] | None = None
    items: Callable[[Step, StepMetrics], Sequence[Attempt]] | None = None


class Indicators(msgspec.Struct, frozen=True):
    """The scores of one document, rounded to 2 decimals.

    `result` is what the LMS stores as `metrics` (docs/indicators.md, "The result"); the scores and `completion_rate` go
    from 0 to 100, `total_time` is in seconds.
    """

    result: dict[str, Any]
    engagement_score: float
    frustration_score: float
    completion_rate: float
    total_time: float
    version: float


class Algorithm(Protocol):
    """One version of the algorithm: a module with these names."""

    @property
    def VERSION(self) -> float:  # noqa: N802 - a module's constant
        """The version that its results carry."""

    @property
    def SCORES(self) -> Mapping[str, Sequence[Term]]:  # noqa: N802 - a module's constant
        """The terms of each score in the order in which they are summed."""

    def measure(self, document: Document, /) -> Measured:
        """Measure a document."""

    def score(self, terms: Sequence[Term], metrics: Metrics, /) -> float:
        """Sum the terms of a score and round it."""

    def compute(self, document: Document, /) -> Indicators:
        """Measure a document and score it."""
