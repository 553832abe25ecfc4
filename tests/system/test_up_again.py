"""`up` again on the same directory: what terminals know of the system holds, and it works on what is live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.up import COMMAND, System, environment
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Processes

pytestmark = pytest.mark.system

NAMED = {"TELEMETRY_RAW_TOPIC": "webhooks.raw.2", "TELEMETRY_GENERATION": "2", "TELEMETRY_PARTITIONS": "3"}
UP = "LearnPack Telemetry is up"


def test_after_a_switch_a_plain_start_goes_on_with_the_topic(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While settings are set `env` has them; after it `up` knows topic and partitions, and another topic is refused."""
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    system = System(tmp_path / ".telemetry", processes, NAMED)
    system.start(until=UP)
    first = system.addresses
    assert first.items() >= NAMED.items()

    def in_another_terminal(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "deploy.cli", *arguments]
        done = subprocess.run(command, env={**os.environ, **system.addresses}, capture_output=True, check=False)
        return done.returncode, (done.stdout + done.stderr).decode()

    eventually(lambda: in_another_terminal("status")[0] == 0, 120, "a healthy system")
    assert system.post({"slug": "a", "user_id": 7, "telemetry_id": "x", "steps": []}) == "200 ok"
    eventually(lambda: in_another_terminal("raw", "switch")[0] == 0, 120, "the switch")
    assert system.interrupt() == 0

    system.env = {}
    system.start(until=UP)
    assert "raw topic   webhooks.raw.2, which the live generation is computed from" in system.child.output
    assert "TELEMETRY_GENERATION" not in system.addresses
    assert system.addresses == {name: value for name, value in first.items() if name != "TELEMETRY_GENERATION"}
    code, found = in_another_terminal("doctor", "--json")
    assert (code, [one for one in json.loads(found) if one["state"] != "ok"]) == (0, [])
    assert system.sql("SELECT count() FROM telemetry.webhooks") == "1"
    assert system.post({"slug": "b", "user_id": 7, "telemetry_id": "y", "steps": []}) == "200 ok"
    eventually(lambda: system.sql("SELECT count() FROM telemetry.webhooks") == "2", 60, "the webhook")
    assert system.interrupt() == 0

    good = system.addresses
    refused = processes.start([*COMMAND, str(system.directory)], {"TELEMETRY_RAW_TOPIC": "webhooks.raw"}, tmp_path)
    assert refused.process.wait(120) == 1
    assert "\nerror: generation 2 is computed from learnpack.webhooks.raw.2, and TELEMETRY_RAW_" in refused.output
    assert "to go on as before set TELEMETRY_RAW_TOPIC=webhooks.raw.2 (with `up` leave it" in refused.output
    assert system.addresses == good
