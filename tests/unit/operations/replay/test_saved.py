"""Comparisons in the data directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from operations.replay.comparison import Comparison, TableDifference
from operations.replay.saved import LatestComparison, comparison_file, save
from schemas.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_one_is_told_shortened(tmp_path: Path) -> None:
    """Of many changes the largest, with how many there are; a later file counts, one that is cut off is none."""
    settings = Settings(_env_file=None, data=tmp_path)
    latest = LatestComparison(settings)
    assert latest.read() is None

    verdicts = [{"live_status_text": "x" * 900, "webhooks": 2, "examples": [7]} for _ in range(30)]
    scores = [{"actor": str(number), "change": 30.0 - number} for number in range(30)]
    table = TableDifference("scores", 30, 30, 0, 0, 30, 0)
    path = comparison_file(settings, "g2")
    save(Comparison(1, 2, [table], verdicts, scores, scores_moved=500), path)
    os.utime(path, (1_790_000_000, 1_790_000_000))

    told = latest.read()
    assert told is not None
    assert (told["live"], told["new"], told["equal"], told["at"]) == (1, 2, False, "2026-09-21T14:13:20+00:00")
    assert [row["actor"] for row in told["scores"]] == [str(number) for number in range(20)]
    assert (told["scores_moved"], told["verdicts_changed"], len(told["verdicts"])) == (500, 60, 20)
    assert len(told["verdicts"][0]["live_status_text"]) == 501
    assert told["tables"][0]["different"] == 30

    part = comparison_file(settings, "part")
    part.write_bytes(b'{"live": 1,')
    assert latest.read() is None
    save(Comparison(1, 1, part="Student 7"), part)
    os.utime(part, (1_800_000_000, 1_800_000_000))
    again = latest.read()
    assert again is not None
    assert (again["part"], again["equal"]) == ("Student 7", True)
