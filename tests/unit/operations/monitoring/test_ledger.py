"""The ledger as Prometheus is told it: a bounded number of academies, and no difference hidden."""

from __future__ import annotations

from operations.monitoring.clickhouse import capped


def test_few_academies_are_told_as_they_are() -> None:
    """By academy and day."""
    rows = [("2026-11-28", "1", 10, 0), ("2026-11-29", "1", 5, -2), ("2026-11-29", "2", 1, 0)]

    assert capped(rows) == {("1", "2026-11-28"): 0, ("1", "2026-11-29"): -2, ("2", "2026-11-29"): 0}


def test_of_many_those_with_a_difference_come_first() -> None:
    """Then those with the most webhooks; differences of the others do not take each other away."""
    rows = [("d", "large", 100, 0), ("d", "small", 1, 0), ("d", "wrong", 2, 9), ("d", "a", 3, 1), ("d", "b", 3, -1)]

    assert capped(rows, 1) == {("wrong", "d"): 9, ("others", "d"): 2}
    assert capped(rows, 3) == {("wrong", "d"): 9, ("a", "d"): 1, ("b", "d"): -1, ("others", "d"): 0}
    assert ("large", "d") in capped(rows, 4)
