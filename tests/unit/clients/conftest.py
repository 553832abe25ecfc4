"""Fixtures of the tests of what runs in notebooks."""

from __future__ import annotations

import pytest
from learnpack_notebook_telemetry import leaving


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits at the end has as long as a busy machine takes: a student's notebook gives it less than a second."""
    monkeypatch.setattr(leaving, "EXIT_SECONDS", 60.0)
