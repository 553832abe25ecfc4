"""A system that keeps years, and the LMS's database beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import as_environment
from tests.support.lms import make_tables

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.postgres import Database


@pytest.fixture
def own(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions, and what keeps the load's days; commands use them, too."""
    for name in ("RAW_RETENTION_DAYS", "WEBHOOK_RETENTION_DAYS"):
        monkeypatch.setenv(f"TELEMETRY_{name}", "3650")
    made = settings(partitions=2, raw_retention_days=3650, webhook_retention_days=3650)
    for name, value in as_environment(made).items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def lms(postgres_database: Database) -> Database:
    """The LMS's database with its tables, which are empty."""
    make_tables(postgres_database)
    return postgres_database
