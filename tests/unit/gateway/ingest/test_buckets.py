"""Buckets that leak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.buckets import Allowance, Bucket, Buckets, Refusal

SIX = Allowance(6, 6000)


def take(bucket: Bucket, allowance: Allowance, now: float, size: int = 0) -> int:
    """Seconds to wait, 0 for a request that passes."""
    refusal = bucket.refusal(allowance, now)
    if refusal is None:
        bucket.add(size)
        return 0
    return refusal.seconds


def test_a_minutes_requests_may_come_at_once() -> None:
    """Then one has to wait for the next, and is told how long."""
    bucket = Bucket(0.0)

    assert [take(bucket, SIX, 0.0) for _ in range(7)] == [0] * 6 + [10]


def test_a_bucket_leaks_evenly() -> None:
    """After the announced time there is room for exactly one."""
    bucket = Bucket(0.0)
    for _ in range(6):
        take(bucket, SIX, 0.0)

    assert [take(bucket, SIX, now) for now in (9.9, 10.0, 10.0)] == [1, 0, 10]


def test_bytes_count_as_well() -> None:
    """A body may go beyond them, and is waited for afterwards."""
    bucket = Bucket(0.0)

    assert take(bucket, SIX, 0.0, 5999) == 0
    assert take(bucket, SIX, 0.0, 3000) == 0
    assert bucket.refusal(SIX, 0.0) == Refusal(SIX, 30, of_bytes=True)
    assert bucket.refusal(SIX, 30.0) is None


@given(st.integers(1, 100), st.lists(st.floats(0, 30), max_size=300))
def test_no_minute_lets_more_than_twice_the_limit_pass(limit: int, pauses: list[float]) -> None:
    """A whole bucket and what leaks during a minute is all that can pass in it."""
    bucket, now, passed = Bucket(0.0), 0.0, []
    for pause in pauses:
        now += pause
        if take(bucket, Allowance(limit, 1), now) == 0:
            passed.append(now)

    assert all(sum(begin <= other < begin + 60 for other in passed) <= 2 * limit for begin in passed)


def test_idle_buckets_make_room() -> None:
    """Only they do: one in use is never given up for a new one, and there are never more than may be."""
    buckets = Buckets(2, idle=60)
    for name in ("a", "b"):
        assert buckets.make(name, 0.0)
    in_use = buckets.get("a")
    assert in_use is not None
    in_use.refusal(SIX, 30.0)

    assert buckets.make("c", 59.0) is None
    assert buckets.make("c", 61.0) is not None
    assert buckets.get("a") is in_use
    assert buckets.get("b") is None
    assert buckets.make("d", 61.0) is None
    assert len(buckets) == 2
