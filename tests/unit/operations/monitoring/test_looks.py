"""What the monitor tells of servers that it cannot read."""

from __future__ import annotations

import time

from prometheus_client.exposition import generate_latest
from pydantic import SecretStr

from deploy.local.resources import LOOPBACK, free_port
from operations.monitoring import metrics
from operations.monitoring.monitor import Monitor
from schemas.settings import Settings
from tests.support.metrics import sample


async def test_what_was_never_read_has_an_age_too() -> None:
    """It counts from when the monitor began, so that it is seen never to be read."""
    began = time.time()
    nobody = f"{LOOPBACK}:{free_port()}"
    settings = Settings(_env_file=None, kafka=nobody, clickhouse=SecretStr(f"http://{nobody}"))

    async with Monitor(settings).running():
        pass

    told = generate_latest(metrics.MONITOR.registry).decode()
    for kind in metrics.KINDS:
        at = sample(told, f'telemetry_monitor_looked_timestamp_seconds{{kind="{kind}"}}')
        assert began <= at <= time.time()
