"""What a command loads before it begins: each waits for its own libraries only."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "chdb", "fastapi", "faust", "granian", "httpx", "jgo", "rocksdict")


@pytest.mark.parametrize(
    ("command", "also", "loaded"),
    [
        ("gateway", "gateway.main, streams.views", ["fastapi", "granian"]),
        ("sink", "sinks.main", []),
        ("worker", "streams.worker", ["aiohttp", "faust", "rocksdict"]),
        ("setup", "deploy.cli", []),
        ("token", "deploy.cli", []),
        ("trace", "deploy.cli", []),
        ("replay", "deploy.cli", []),
    ],
)
def test_a_command_loads_what_it_needs(command: str, also: str, loaded: list[str]) -> None:
    """Of the large libraries a process has those of its own part."""
    code = (
        "import sys; from deploy.cli.commands import Commands; Commands().commands[sys.argv[1]]; "
        f"import {also}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True)

    assert [name for name in done.stdout.split() if name in HEAVY] == loaded
