"""Generations as Prometheus is told them: which is live, and for how long workers wait for a change."""

from __future__ import annotations

import pytest
from prometheus_client.exposition import generate_latest

from operations.monitoring.kafka import KafkaLook
from operations.monitoring.metrics import MONITOR
from schemas.settings import Settings
from schemas.wire.generations import Generation, Journal, Phase
from tests.support.metrics import sample


def figure(name: str) -> float:
    """A figure of the monitor as it stands."""
    return sample(generate_latest(MONITOR.registry).decode(), f"telemetry_monitor_generation{name}")


@pytest.mark.parametrize("step", [Phase.PAUSED, Phase.SWAPPING, Phase.PATCHING])
def test_a_change_that_workers_wait_for_is_timed(step: Phase) -> None:
    """From the first look that sees it, through all of its steps, until workers go on."""
    now, both = [100.0], (Generation(number=1), Generation(number=2))
    look = KafkaLook(Settings(_env_file=None), clock=lambda: now[0])
    look.tell_generation(Journal(last=2, step=step, target=2, generations=both))
    assert figure("_waits_seconds") == 0
    now[0] = 500.0
    look.tell_generation(Journal(last=2, step=step, target=2, generations=both))

    assert figure("_waits_seconds") == 400
    assert (figure(f'_step{{step="{step.value}"}}'), figure('_step{step="idle"}')) == (1, 0)
    look.tell_generation(Journal(live=2, last=2, generations=both))
    assert (figure(""), figure("_waits_seconds"), figure('_step{step="idle"}')) == (2, 0, 1)


def test_a_replay_that_computes_keeps_nobody_waiting() -> None:
    """However long it takes."""
    now = [100.0]
    look = KafkaLook(Settings(_env_file=None), clock=lambda: now[0])
    journal = Journal(
        last=2, step=Phase.CATCHING_UP, target=2, generations=(Generation(number=1), Generation(number=2))
    )
    look.tell_generation(journal)
    now[0] = 90_000.0
    look.tell_generation(journal)

    assert figure("_waits_seconds") == 0
