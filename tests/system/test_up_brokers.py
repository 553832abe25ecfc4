"""`up --brokers 3`: three brokers, of which one may be away."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.up import COMMAND, System, alone, command_line, descendants
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.long]

UP = "LearnPack Telemetry is up"


def broker(system: System, name: str) -> int:
    """The process of a broker; raises StopIteration while there is none."""
    properties = f"{name}/server.properties"
    return next(pid for pid in descendants(system.child.pid) if properties in command_line(pid))


@pytest.mark.timeout(900)
def test_a_broker_is_killed_and_a_plain_start_has_three_again(tmp_path: Path) -> None:
    """Documents arrive while it is away, it comes back, and the directory keeps its number and its addresses."""
    with alone(tmp_path) as system:
        system.start("--brokers", "3", until=UP)
        before = system.addresses
        assert len(before["TELEMETRY_KAFKA"].split(",")) == int(before["TELEMETRY_REPLICATION"]) == 3
        system.post_and_see(601)

        os.kill(killed := broker(system, "kafka-2"), signal.SIGKILL)
        system.post_and_see(602)
        eventually(lambda: system.child.output.count("kafka-2 is ready after") == 2, 240, "the killed broker")
        assert broker(system, "kafka-2") != killed
        logs = {path.stem for path in (system.directory / "logs").glob("*.log")}
        assert logs >= {"kafka-1", "kafka-2", "kafka-3"}
        system.child.signal(signal.SIGINT)
        assert system.child.process.wait(60) == 0

        other = subprocess.run(
            [*COMMAND, str(system.directory), "--brokers", "1"],
            env={**os.environ, **system.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (other.returncode, other.stderr.count("\n")) == (1, 1)
        assert other.stderr.startswith(f"error: the system in {system.directory} has 3 brokers, and that stays so: ")

        system.start(until=UP)
        assert system.addresses == before
        assert (system.compilations(601), system.compilations(602)) == (2, 2)
        system.post_and_see(603)
        system.child.signal(signal.SIGINT)
        assert system.child.process.wait(60) == 0
