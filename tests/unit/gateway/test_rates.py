"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rates import RateLimiter


def test_a_minutes_requests_may_come_at_once() -> None:
    """Then one has to wait for the next, and is told how long."""
    limiter = RateLimiter(6)

    assert [limiter.take("a", 0.0) for _ in range(7)] == [0] * 6 + [10]


def test_a_bucket_fills_evenly() -> None:
    """After the announced time there is room for exactly one."""
    limiter = RateLimiter(6)
    for _ in range(6):
        limiter.take("a", 0.0)

    assert [limiter.take("a", now) for now in (9.9, 10.0, 10.0)] == [1, 0, 10]


def test_each_token_has_its_own() -> None:
    """One that sends too much does not harm another."""
    limiter = RateLimiter(1)
    limiter.take("a", 0.0)

    assert (limiter.take("b", 0.0), limiter.take("a", 0.0)) == (0, 60)


def test_full_buckets_are_forgotten() -> None:
    """Memory is bounded however many tokens there have been."""
    limiter = RateLimiter(60)
    for number in range(25_000):
        limiter.take(str(number), float(number))

    assert len(limiter._buckets) <= 10_001  # noqa: SLF001 - nothing else shows it


@given(st.integers(1, 100), st.lists(st.floats(0, 30), max_size=300))
def test_no_minute_lets_more_than_twice_the_limit_pass(limit: int, pauses: list[float]) -> None:
    """A full bucket and what flows in during a minute is all that can pass in it."""
    limiter, now, passed = RateLimiter(limit), 0.0, []
    for pause in pauses:
        now += pause
        if limiter.take("a", now) == 0:
            passed.append(now)

    assert all(sum(begin <= other < begin + 60 for other in passed) <= 2 * limit for begin in passed)
