"""What `raw restore` says of offsets that neither the archive nor the raw topic has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.cli.archive import _warn
from operations.raw_log.restoring import Restoration
from operations.raw_log.target import MARGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

FILLED = "note: partition 3 of the raw topic begins {} offsets behind the archive. In a log that was copied or restored"
LOST = "warning: {} missing between the archive and the raw topic: at most so many webhooks are lost,"


@pytest.mark.parametrize(
    ("gap", "told"),
    [
        (1, [LOST.format("1 offset of partition 3 is")]),
        (MARGIN - 1, [LOST.format("999999 offsets of partition 3 are")]),
        (MARGIN, [FILLED.format("1,000,000")]),
        (2 * MARGIN + 41, [FILLED.format("2,000,000"), LOST.format("41 offsets of partition 3 are")]),
    ],
)
def test_what_fills_a_copy_is_no_loss(gap: int, told: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A million offsets of a log that was copied are told calmly, what is missing beside them as a loss."""
    _warn(Restoration(gaps={3: gap}), Path("archive"))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(begin) for line, begin in zip(lines, told, strict=True))
