"""Three brokers, of which some are frozen or killed under load, lose and double no webhook.

The short form of `uv run python -m tests.chaos.brokers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.local.kafka import KafkaCluster
from tests.chaos.broker_faults import FAULTS
from tests.chaos.broker_trial import trial
from tests.support.java_cache import java_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1_200)]

RATE = 60
SEED = 11


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    """Three brokers of this test's own."""
    cluster = KafkaCluster([tmp_path / f"kafka-{number}" for number in (1, 2, 3)], java_options=java_options())
    try:
        yield cluster.start()
    finally:
        cluster.kill()


def test_a_frozen_leader_and_two_killed_brokers_lose_and_double_nothing(
    cluster: KafkaCluster, clickhouse_servers: Callable[[], ClickHouseServer], tmp_path: Path
) -> None:
    """Gateways answer `ok` all the while, also without a majority; each webhook is processed once, as a fold has it."""
    faults = [fault for fault in FAULTS if "leader frozen" in fault.name or "two of three killed" in fault.name]
    assert len(faults) == 2

    with trial(cluster, clickhouse_servers().url, tmp_path, RATE, SEED) as running:
        for fault in faults:
            running.happen(fault)
        rows, told = running.finish()

    assert [(row.lost, row.doubled) for row in rows] == [(0, 0), (0, 0)], told
    assert all(row.webhooks for row in rows)
