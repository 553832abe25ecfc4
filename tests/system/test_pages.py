"""Commands of the pages that no other test runs, as they stand there, against a running system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.blocks import run_by
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

COMMANDS = run_by("tests/system/test_pages.py::test_commands_of_the_pages_run")


def test_commands_of_the_pages_run(
    installed: Settings, start_part: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends well with the environment that `up` writes, once the parts have told of themselves."""
    for part in ("worker", "sink", "gateway"):
        start_part(part)
    monkeypatch.setenv("TELEMETRY_TOKEN", command("token", "create", "--user", 7, "--academy", 1).out.strip())
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert installed.token is None

    def ends_well(script: str) -> bool:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return True

    for block in COMMANDS:
        eventually(lambda: ends_well(block.text), 60, str(block))  # noqa: B023 - called at once
