"""Fixtures of the tests of commands and of the supervisor."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import free_port
from schemas.settings import PREFIX
from tests.support.commands import as_environment, command
from tests.support.lms_directory import make_tables
from tests.support.parts import Screen
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.postgres import Database
    from tests.support.processes import Child, Processes


@pytest.fixture
def place(settings: SettingsFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """This test's servers, topics and database as the environment of the commands."""
    port = free_port()
    own = settings(partitions=2, gateway_bind=f"127.0.0.1:{port}", gateway_url=f"http://127.0.0.1:{port}")
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return own


@pytest.fixture
def installed(place: Settings) -> Settings:
    """The same after `setup`."""
    outcome = command("setup")
    assert outcome.code == 0, outcome.err
    return place


@pytest.fixture
def lms(installed: Settings, postgres_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An LMS with a few rows, whose address is in the settings, beside a system that knows nothing of it yet."""
    assert installed.lms_postgres is None
    make_tables(postgres_database)
    monkeypatch.setenv(f"{PREFIX}LMS_POSTGRES", postgres_database.dsn)
    return postgres_database


@pytest.fixture
def start_part(installed: Settings, processes: Processes, tmp_path: Path) -> Callable[..., Child]:
    """Starts a part of the system with this test's environment, and variables on top, and waits until it is ready."""

    def start(name: str, **variables: str) -> Child:
        ready = tmp_path / f"{name}.ready"
        ready.unlink(missing_ok=True)
        arguments = ["--data", str(installed.data / name)] if name == "worker" else []
        command = [sys.executable, "-m", "deploy.cli", name, "--ready-file", str(ready), *arguments]
        child = processes.start(command, {f"TELEMETRY_{key}": value for key, value in variables.items()})
        eventually(lambda: ready.exists() or child.process.poll() is not None, 90, f"the {name}")
        assert ready.exists(), child.output
        return child

    return start


@pytest.fixture
def screen() -> Screen:
    """A console that remembers."""
    return Screen()
