"""The one checker: what readers of the derived topics see must equal a pure fold of the raw topic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from schemas.wire.topics import Topics
from tests.chaos.kafka import lines, read_all

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["Expected", "Fold", "Report", "check"]


@dataclass(slots=True)
class Expected:
    """What a fold of one raw partition gives.

    Attributes:
        facts: Rows in order.
        outcomes: Rows of all records that are no dead letters, in any order.
        scores: The last row of each (student, asset, day), by that key; None if the core has no scores.
        states: The state table.
    """

    facts: list[bytes] = field(default_factory=list)
    outcomes: list[bytes] = field(default_factory=list)
    scores: dict[Any, bytes] | None = None
    states: dict[bytes, bytes] = field(default_factory=dict)


class Fold(Protocol):
    """The core as a pure function of a partition's records."""

    def fold(self, records: list[Any], outcomes: list[bytes], /) -> Expected:
        """Fold records in offset order; `outcomes` are the recorded ones, for verdicts that only they tell."""

    def score_key(self, line: bytes, /) -> Any:
        """What a score row is the last one of."""


@dataclass(slots=True)
class Report:
    """What the checker found; all counts but `records` must be 0."""

    records: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost.total() or self.doubled.total() or self.wrong.total())

    def __str__(self) -> str:
        counts = {"lost": self.lost, "doubled": self.doubled, "wrong": self.wrong}
        texts = (
            f"{count.total()} {name}{f' {dict(count)}' if count.total() else ''}" for name, count in counts.items()
        )
        return f"{self.records} records: {', '.join(texts)}"

    def compare(self, kind: str, expected: list[bytes], found: list[bytes], *, ordered: bool) -> None:
        """Count what is missing, repeated, or in another order."""
        wanted, got = Counter(expected), Counter(found)
        self.lost[kind] += (wanted - got).total()
        extra = got - wanted
        repeated = sum(count for row, count in extra.items() if row in wanted)
        self.doubled[kind] += repeated
        self.wrong[kind] += extra.total() - repeated
        if ordered and wanted == got and expected != found:
            self.wrong[f"{kind} order"] += 1


async def check(settings: Settings, fold: Fold) -> Report:
    """Read raw and derived topics as a read_committed reader and compare, row for row."""
    topics, report = Topics.of(settings), Report()
    names = (topics.raw, topics.facts, topics.outcomes, topics.scores, topics.changelog, topics.dead_letters)
    read = [await read_all(settings.kafka, name, settings.partitions) for name in names]
    for raw, facts, outcomes, scores, changelog, dead in zip(*read, strict=True):
        report.records += len(raw)
        rows = lines(outcomes)
        expected = fold.fold(raw, rows)
        dead_offsets = [_origin(one) for one in dead if _origin_topic(one) == topics.raw]
        report.doubled["dead letters"] += len(dead_offsets) - len(set(dead_offsets))
        report.compare("facts", expected.facts, lines(facts), ordered=True)
        good = [row for row in rows if b'"verdict":"dead"' not in row]
        report.compare("outcomes", expected.outcomes, good, ordered=True)
        report.compare("outcome count", [b""] * len(raw), [b""] * len(rows), ordered=False)
        report.wrong["dead letters"] += abs(len(rows) - len(good) - len(set(dead_offsets)))
        last = {one.key: one.value for one in changelog}
        _compare_tables(report, "states", expected.states, {key: at for key, at in last.items() if at is not None})
        if expected.scores is not None:
            _compare_tables(report, "scores", expected.scores, {fold.score_key(row): row for row in lines(scores)})
    return report


def _compare_tables(report: Report, kind: str, expected: dict[Any, bytes], found: dict[Any, bytes]) -> None:
    report.lost[kind] += len(expected.keys() - found.keys())
    report.wrong[kind] += len(found.keys() - expected.keys())
    report.wrong[kind] += sum(1 for key in expected.keys() & found.keys() if expected[key] != found[key])


def _origin(record: Any) -> int:
    return int(dict(record.headers)["dead-letter-offset"])


def _origin_topic(record: Any) -> str:
    return str(dict(record.headers)["dead-letter-topic"].decode())
