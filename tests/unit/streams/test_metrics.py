"""What the worker tells of its state's files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import generate_latest

from streams.metrics import WORKER, watch_state
from tests.support.metrics import sample

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_files_that_go_while_they_are_counted_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is deleted between two looks takes none of the figures with it."""
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x" * 100)
    scandir = os.scandir

    def gone(path: Any) -> Any:
        if os.fspath(path) == str(tmp_path / "1"):
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)
    watch_state(tmp_path)

    assert sample(generate_latest(WORKER.registry).decode(), "telemetry_worker_state_bytes") == 100
