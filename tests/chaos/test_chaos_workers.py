"""Workers and brokers that are killed, frozen, moved and wiped under load lose nothing and count nothing twice.

The short form; `uv run python -m tests.chaos` is the long one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from broker.clients import REQUEST_SECONDS
from tests.chaos import faults
from tests.chaos.trials import Trial, run_trial

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.kafka import KafkaNode
    from tests.chaos.arena import Arena
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.timeout(900)]

SEED = 11


def in_turn(*actions: Callable[[Arena, random.Random], None]) -> Callable[[Arena, random.Random], None]:
    """One action after another, one a call."""
    left = list(actions)

    def next_one(arena: Arena, rnd: random.Random) -> None:
        left.pop(0)(arena, rnd)

    return next_one


def test_killed_frozen_moved_and_wiped_workers_stay_exact(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Two workers meet every fault under load with poison records; all rows and states are those of a fold."""
    fault = in_turn(faults.kill, faults.add_and_remove, faults.freeze_past_session, faults.wipe)
    trial = Trial("workers", fault, 4, 20_000, 20, real=False, pause_s=(1, 4))

    report, _ = run_trial(trial, settings(partitions=4), processes, tmp_path, random.Random(SEED))  # noqa: S311 - repeatable

    assert report.is_exact, str(report)
    assert report.records == trial.records


def test_a_killed_or_frozen_broker_and_a_changed_rule_leave_webhooks_exact(
    kafka_nodes: Callable[[], KafkaNode], settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Real documents and events survive a killed, then frozen broker, and a rule that changes while all are down."""
    node = kafka_nodes()
    fault = in_turn(
        lambda _arena, _rnd: faults.kill_broker(node),
        lambda arena, _rnd: faults.freeze_broker(arena, node, REQUEST_SECONDS + 1),
        faults.change_rule_while_down,
    )
    trial = Trial("broker", fault, 3, 2_000, 15, pause_s=(3, 4))

    report, _ = run_trial(trial, settings(kafka=node.bootstrap, partitions=4), processes, tmp_path, random.Random(SEED))  # noqa: S311 - repeatable

    assert report.is_exact, str(report)
    # What a broker had taken and not acknowledged when it was killed may be in the log twice: a repeat.
    assert report.records >= trial.records
