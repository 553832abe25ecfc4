"""A system that stores what is in its raw topic, and where its archive is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.generations import Generation
from tests.support.raw_log import MARGIN, long_kept

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes


@pytest.fixture
def own(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions, and tables that keep the load's days; commands use them, too."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    return long_kept(settings, monkeypatch)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the archive is."""
    made = tmp_path / "archive"
    made.mkdir()
    return made


@pytest.fixture
def stored(own: Settings, processes: Processes, tmp_path: Path) -> Generation:
    """A system whose sink runs alone: it stores what is in the raw topic."""
    system = Generation(own, processes, tmp_path)
    system.setup()
    system.start("sink")
    return system
