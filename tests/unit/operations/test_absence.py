"""What is said of a server that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.absence import absence

if TYPE_CHECKING:
    from pathlib import Path

USUAL = "start it (`learnpack-telemetry up`) or correct TELEMETRY_KAFKA"


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        (None, USUAL),
        ("TELEMETRY_KAFKA='127.0.0.1:29092'\n", USUAL),
        (
            "TELEMETRY_KAFKA='127.0.0.1:4711'\n",
            f"if `up` runs here, load its addresses (`set -a; . .telemetry/env; set +a`); else {USUAL}",
        ),
    ],
)
def test_addresses_that_nobody_has_loaded_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, mend: str
) -> None:
    """In the directory of a system of `up`, a terminal that does not know its addresses is told how to learn them."""
    monkeypatch.chdir(tmp_path)
    if written is not None:
        (tmp_path / ".telemetry").mkdir()
        (tmp_path / ".telemetry" / "env").write_text(written)

    away = absence(ConnectionRefusedError(), "127.0.0.1:29092", "TELEMETRY_KAFKA")

    assert away is not None
    assert away.detail == "does not answer at 127.0.0.1:29092"
    assert away.mend == mend
