"""The health check of the image, beside parts that run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import LOOPBACK, free_port
from deploy.run.probe import trouble
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system


def probed(**settings: str) -> tuple[int, str]:
    """How the check ends with these settings alone, and what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELEMETRY_")}
    environment |= {f"TELEMETRY_{name}": value for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.run.probe"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_gateway_and_a_sink_are_asked_where_each_tells(installed: Settings, start_part: Callable[..., Child]) -> None:
    """Each lives as long as it runs, whichever addresses the image sets beside its own."""
    port = installed.gateway_bind.rpartition(":")[2]
    gateway, metrics = f"0.0.0.0:{port}", f"{LOOPBACK}:{free_port()}"
    sink = start_part("sink", METRICS_BIND=metrics)
    assert probed(GATEWAY_BIND=gateway, METRICS_BIND=metrics) == (0, "")
    assert sink.terminate() == 0
    assert probed(GATEWAY_BIND=gateway, METRICS_BIND=metrics) == (
        1,
        f"nobody listens at 127.0.0.1:{port} or {metrics}\n",
    )

    start_part("gateway")
    assert probed(GATEWAY_BIND=gateway, METRICS_BIND=metrics) == (0, "")


def test_a_part_that_hangs_does_not_live(start_part: Callable[..., Child]) -> None:
    """It is connected to, and says nothing."""
    metrics = f"{LOOPBACK}:{free_port()}"
    sink = start_part("sink", METRICS_BIND=metrics)
    sink.freeze()
    try:
        assert eventually(lambda: trouble({"TELEMETRY_METRICS_BIND": metrics}), 30) == (
            f"{metrics} does not answer: timed out"
        )
    finally:
        sink.thaw()


def test_without_an_address_that_is_said() -> None:
    """Nobody takes silence for health."""
    assert probed() == (1, "neither TELEMETRY_GATEWAY_BIND nor TELEMETRY_METRICS_BIND is set\n")
