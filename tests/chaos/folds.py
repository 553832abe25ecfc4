"""The cores as pure folds, for the checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.reference.lookup import Reference
from streams.core.chunk import ChunkProcessor
from tests.chaos import fake_core
from tests.chaos.checker import Expected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.core.policy import Policy

__all__ = ["BY_RULE", "FakeFold", "RealFold"]

BY_RULE = b'"status_text":"Ignored by academy'


class FakeFold:
    """The fake core, record by record."""

    def fold(self, records: list[Any], _outcomes: list[bytes]) -> Expected:
        """Fold all of them."""
        folded = fake_core.fold(records)
        return Expected(folded.facts, folded.outcomes, None, folded.states)

    def score_key(self, line: bytes) -> Any:
        """The fake core has no scores."""
        raise NotImplementedError(line)


class RealFold:
    """The real core, in chunks of `size`; rules are taken as recorded, for they may have changed meanwhile.

    `reference` is the directory that the workers have had all the while, an empty one if none is given.
    """

    def __init__(self, settings_policy: Policy, size: int = 1, reference: Reference | None = None) -> None:
        self._policy = settings_policy
        self._size = size
        self._reference = Reference() if reference is None else reference

    def fold(self, records: list[Any], outcomes: list[bytes]) -> Expected:
        """Fold all records but those that a rule ignored, which change nothing."""
        by_rule = {orjson.loads(row)["id"]: row for row in outcomes if BY_RULE in row}
        expected = Expected(scores={})
        for chunk in self._chunks([one for one in records if one.partition << 40 | one.offset not in by_rule]):
            processor = ChunkProcessor(expected.states.get, self._reference, self._policy)
            for record in chunk:
                processor.apply(record)
            effects = processor.finish()
            expected.facts += effects.facts
            expected.outcomes += effects.outcomes
            for key, value in effects.changes:
                if value is None:
                    expected.states.pop(key, None)
                else:
                    expected.states[key] = value
            assert expected.scores is not None
            expected.scores.update((self.score_key(row), row) for row in effects.scores)
        expected.outcomes = sorted([*expected.outcomes, *by_rule.values()], key=lambda row: orjson.loads(row)["id"])
        return expected

    def score_key(self, line: bytes) -> Any:
        """Student, asset and day."""
        row = orjson.loads(line)
        return row["actor"], row["asset_slug"], row["updated_at"][:10]

    def _chunks(self, records: Sequence[Any]) -> list[Sequence[Any]]:
        return [records[start : start + self._size] for start in range(0, len(records), self._size)]
