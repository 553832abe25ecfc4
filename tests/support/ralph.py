"""Ralph, a learning record store: in an environment of its own, over a database of the test's ClickHouse."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import httpx

from deploy.local.resources import LOOPBACK, free_port
from tests.support.plain_http import PLAIN
from tests.support.processes import Processes
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

__all__ = ["LOGIN", "Ralph", "ralph"]

LOGIN: Final = ("exporter", "a secret")

# The extra does not name all that it imports.
_PACKAGES: Final = ("ralph-malph[backend-clickhouse,cli,lrs]==5.1.0", "requests", "python-jose", "cachetools")
_TABLE: Final = "xapi_events_all"
_CREATE: Final = (
    "CREATE TABLE {table} (event_id UUID, emission_time DateTime64(6), event String) "
    "ENGINE = MergeTree ORDER BY (emission_time, event_id)"
)
_START_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Ralph:
    """A running store and the table of its statements."""

    url: str
    table: str


@contextlib.contextmanager
def ralph(home: Path, client: Client, clickhouse: str, database: str) -> Iterator[Ralph]:
    """Install it below `home` and run it over a database at the address of ClickHouse; both are gone afterwards."""
    subprocess.run(["uv", "venv", "--quiet", home / "venv"], check=True)
    python = home / "venv" / "bin" / "python"
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, *_PACKAGES], check=True)
    environment = {**os.environ, **_settings(home, clickhouse, database)}
    scopes = [word for scope in ("statements/write", "statements/read/mine") for word in ("-s", scope)]
    login = ["-u", LOGIN[0], "-p", LOGIN[1], "-M", "mailto:exporter@lms.example", "-t", _TABLE, *scopes, "-w"]
    (home / "ralph").mkdir()
    subprocess.run([home / "venv" / "bin" / "ralph", "auth", *login], env=environment, check=True, capture_output=True)
    table = f"{database}.{_TABLE}"
    client.command(f"CREATE DATABASE {database}")
    client.command(_CREATE.format(table=table))
    port, processes = free_port(), Processes(home)
    url = f"http://{LOOPBACK}:{port}"
    try:
        command = [str(python), "-m", "uvicorn", "ralph.api:app", "--host", LOOPBACK, "--port", str(port)]
        child = processes.start(command, environment)
        eventually(lambda: _answers(url), _START_SECONDS, f"ralph: {child.output}")
        yield Ralph(f"{url}/xAPI", table)
    finally:
        processes.end_all()
        client.command(f"DROP DATABASE IF EXISTS {database} SYNC")


def _settings(home: Path, clickhouse: str, database: str) -> dict[str, str]:
    parts = urlsplit(clickhouse)
    of_clickhouse = {
        "HOST": parts.hostname or "",
        "PORT": str(parts.port),
        "USERNAME": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "DATABASE": database,
    }
    prefix = "RALPH_BACKENDS__LRS__CLICKHOUSE__"
    return {
        "RALPH_APP_DIR": str(home / "ralph"),
        "RALPH_RUNSERVER_BACKEND": "clickhouse",
        **{f"{prefix}{name}": value for name, value in of_clickhouse.items()},
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/__lbheartbeat__", verify=PLAIN).is_success
    except httpx.TransportError:
        return False
