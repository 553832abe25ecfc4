"""The whole worker with the real core: where chunks begin and end never shows in the tables."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from streams.core.policy import Policy
from tests.chaos.folds import RealFold
from tests.chaos.kafka import produce
from tests.chaos.load import webhooks
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

DAY_MS = 86_400_000


@pytest.mark.parametrize(("chunk_records", "fold_size"), [(1, 5_000), pytest.param(5_000, 1, marks=pytest.mark.long)])
def test_chunk_sizes_do_not_show_in_the_tables(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, chunk_records: int, fold_size: int
) -> None:
    """Two days of webhooks give the same facts, outcomes, states and scores of each day for any chunk size."""
    bench = Bench(settings(partitions=2), processes, tmp_path)
    load = list(webhooks(300, random.Random(5), students=12, day_ms=2 * DAY_MS))  # noqa: S311 - repeatable
    records = [(None, one.key, one.value, one.headers) for one in load]
    times = [one.timestamp for one in load]
    asyncio.run(produce(bench.settings.kafka, bench.topics.raw, records, timestamps=times))

    worker = bench.start(real=True, chunk_records=chunk_records)
    bench.wait_until_done(120)
    worker.terminate()
    report = bench.check(RealFold(Policy.of(bench.settings), fold_size))

    assert report.is_exact, str(report)
    assert report.records == 300


def test_a_record_with_a_bad_header_is_a_dead_letter_and_its_student_goes_on(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Headers that the gateway never writes end in the dead letters with their reason."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    event = b'{"event": "open_step", "slug": "01", "user_id": 5, "telemetry_id": "t", "step_position": 1}'
    bench.send([event], key=b"5", headers=[("academy", b"one")])
    bench.send([event], key=b"5", headers=[("academy", b"1")])

    worker = bench.start(real=True)
    bench.wait_until_done()
    worker.terminate()

    (letter,) = bench.read(bench.topics.dead_letters)
    headers = dict(letter.headers)
    assert letter.value == event
    assert headers["academy"] == b"one"
    assert headers["dead-letter-stage"] == b"headers"
    assert b"academy" in headers["dead-letter-reason"]
    assert len(bench.read(bench.topics.outcomes)) >= 1
