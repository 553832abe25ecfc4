"""Where chunks begin and end never shows in what the core tells."""

from __future__ import annotations

import random
from itertools import count

import pytest

from streams.core.policy import Policy
from tests.chaos.folds import RealFold
from tests.chaos.load import webhooks
from tests.unit.streams.records import record

DAY_MS = 86_400_000


@pytest.mark.parametrize("seed", [106, 107])
def test_chunks_of_any_size_give_the_same_rows_over_a_midnight(seed: int) -> None:
    """Facts, outcomes, states and the last scores of each day are those of single records, for chunks up to 5,000."""
    load = webhooks(4_000, random.Random(seed), students=20, day_ms=2 * DAY_MS)  # noqa: S311 - repeatable
    records = [
        record(offset, one.value, key=one.key, headers=tuple(one.headers), timestamp=one.timestamp)
        for offset, one in zip(count(), load, strict=False)
    ]
    single = RealFold(Policy(), 1).fold(records, [])

    for size in (7, 500, 5_000):
        chunked = RealFold(Policy(), size).fold(records, [])
        assert chunked.facts == single.facts
        assert chunked.outcomes == single.outcomes
        assert chunked.states == single.states
        assert chunked.scores == single.scores
