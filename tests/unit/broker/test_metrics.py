"""Figures of a part, as they are declared and as they are read."""

from __future__ import annotations

import asyncio
import time

from prometheus_client.exposition import generate_latest

from broker.lag_figures import LagFigures, Waits
from broker.loop_watch import LoopWatch
from broker.metrics import LIVE_SECONDS, PartMetrics
from tests.support.metrics import kinds, sample
from tests.support.waiting import aeventually


def told(metrics: PartMetrics) -> str:
    """The text for Prometheus."""
    return generate_latest(metrics.registry).decode()


def test_what_is_declared_is_what_is_told() -> None:
    """Each figure has the name and kind that Prometheus reads, and no second series of when it began."""
    part = PartMetrics("part")
    part.counter("things", "Things.", "kind").labels("one").inc(3)
    part.gauge("level", "Level.")
    part.histogram("seconds", "Seconds.", buckets=(1.0,)).observe(0.5)
    part.read("looked_up", "Looked up.", lambda: 7.0)
    LagFigures(part, "lag", "nobody has", ("partition",))
    text = told(part)

    assert kinds(text) == {figure.name: figure.kind for figure in part.declared}
    assert sample(text, 'telemetry_part_things_total{kind="one"}') == 3
    assert sample(text, "telemetry_part_looked_up") == 7
    assert "_created" not in text


def test_lag_goes_on_counting_where_nobody_looks() -> None:
    """What was told holds for a while; then the seconds grow, so that nothing that stands still looks well."""
    now, part = [1_000.0], PartMetrics("part")
    lag = LagFigures(part, "lag", "nobody has", ("partition",), clock=lambda: now[0])
    lag.tell({("0",): Waits(4, 990_000), ("1",): Waits(0, None)})

    def seconds(partition: int) -> float:
        return sample(told(part), f'telemetry_part_lag_seconds{{partition="{partition}"}}')

    assert (seconds(0), seconds(1)) == (10, 0)
    now[0] = 1_020.0
    assert seconds(0) == 10
    now[0] = 1_100.0
    assert (seconds(0), seconds(1)) == (110, 0)
    assert sample(told(part), 'telemetry_part_lag_records{partition="0"}') == 4
    lag.tell({})
    assert "partition=" not in told(part)


async def test_a_loop_that_is_held_up_is_counted() -> None:
    """By how often and how long; and a part whose loop has not turned for long does not live."""
    part = PartMetrics("part")
    loop = LoopWatch(part)
    assert part.lives
    began = time.monotonic()
    loop.start()
    await asyncio.sleep(0)
    time.sleep(0.6)  # noqa: ASYNC251 - what it is about

    async def counted() -> bool:
        return sample(told(part), "telemetry_part_loop_stalls_total") >= 1

    await aeventually(counted, 20)
    # But for the quarter of a second that it meant to wait; on a busy machine it is held up for longer.
    stalled = sample(told(part), "telemetry_part_loop_stalled_seconds_total")
    assert 0.3 < stalled < time.monotonic() - began
    assert part.lives
    part.turned = time.monotonic() - LIVE_SECONDS - 1
    assert not part.lives
    await loop.stop()
    assert part.lives
