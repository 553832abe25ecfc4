"""What a command loads before it begins: each waits for its own libraries only."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.markup import escape

from deploy.cli.commands import _COMMANDS, _load

HEAVY = ("aiohttp", "chdb", "fastapi", "faust", "granian", "httpx", "jgo", "rocksdict")
# Only who traces loads these; FastAPI brings along the interfaces.
TRACING = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "broker.otel", "broker.span_queue")


@pytest.mark.parametrize(
    ("command", "also", "loaded"),
    [
        ("gateway", "gateway.main, streams.views", ["fastapi", "granian"]),
        ("sink", "sinks.main", []),
        ("worker", "streams.worker", ["aiohttp", "faust", "rocksdict"]),
        ("setup", "deploy.cli", []),
        ("status", "deploy.cli", []),
        ("doctor", "deploy.cli", []),
        ("token", "deploy.cli", []),
        ("trace", "deploy.cli", []),
        ("stuck", "deploy.cli", []),
        ("why", "deploy.cli", []),
        ("webhooks", "deploy.cli", []),
        ("replay", "deploy.cli", []),
    ],
)
def test_a_command_loads_what_it_needs(command: str, also: str, loaded: list[str]) -> None:
    """Of the large libraries a process has those of its own part."""
    code = (
        "import sys; from deploy.cli.commands import Commands; Commands().commands[sys.argv[1]]; "
        f"import {also}; print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True)

    names = done.stdout.split()
    assert sorted({name.partition(".")[0] for name in names} & set(HEAVY)) == loaded
    assert [name for name in names if name.startswith(TRACING)] == []


def test_the_list_of_commands_loads_none_of_them() -> None:
    """Nor what they have in common: who asks what there is has the answer at once."""
    code = (
        "import sys; sys.argv = ['learnpack-telemetry', '--help']; from deploy.cli import app\n"
        "try: app()\nfinally: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Follow one webhook" in done.stdout
    others = {"aiokafka", "clickhouse_connect", "pydantic", "structlog", "operations", "streams", "sinks", "gateway"}
    assert not set(done.stderr.split()) & (others | set(HEAVY))


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_a_command_says_of_itself_what_the_list_says(name: str) -> None:
    """The line in the list is the first of its own help."""
    own = _load(name, _COMMANDS[name].module)
    text = (own.short_help or own.help or "").partition("\n\n")[0]

    assert " ".join(text.split()) == escape(_COMMANDS[name].summary)
