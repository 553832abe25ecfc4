"""Workers that are killed, frozen, moved and wiped under load lose nothing and count nothing twice."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from streams.core.policy import Policy
from tests.chaos import faults
from tests.chaos.arena import Arena
from tests.chaos.checker import check
from tests.chaos.folds import FakeFold, RealFold
from tests.chaos.load import counting, webhooks
from tests.chaos.worker_process import WorkerSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = [pytest.mark.system, pytest.mark.chaos]

SEED = 11


def spec_for(settings_factory: SettingsFactory, **overrides: object) -> WorkerSpec:
    settings = settings_factory(partitions=4)
    return WorkerSpec(
        kafka=settings.kafka,
        topic_prefix=settings.topic_prefix,
        data_dir="",
        ready_file="",
        **overrides,  # type: ignore[arg-type]
    )


def test_killed_frozen_and_moved_workers_stay_exact(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Two workers are killed, wiped, frozen and exchanged under load with poison in it; the result is that of a fold."""
    rnd = random.Random(SEED)
    with Arena(settings(partitions=4), spec_for(settings), processes, tmp_path) as arena:
        arena.add(), arena.add()
        loader = arena.load(counting(20_000, rnd, bad_every=701), pause_every=100, pause_s=0.1)
        for fault in (faults.kill, faults.add_and_remove, faults.freeze_past_session, faults.wipe):
            loader.join(rnd.uniform(1, 4))
            fault(arena, rnd)
        loader.join()
        arena.wait_until_done()
        report = asyncio.run(check(arena.settings, FakeFold()))
    print(report, dict(arena.exits))

    assert report.is_exact, str(report)
    assert report.records == 20_000
