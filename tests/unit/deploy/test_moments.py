"""Spans and dates as options give them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
import typer

from deploy.cli.moments import span_minutes

NOW: Final = datetime(2026, 11, 2, 10, 10, 30, tzinfo=UTC)
WEEK: Final = 7 * 24 * 60


@pytest.mark.parametrize(
    ("text", "minutes"), [("30m", 30), ("2h", 120), ("7d", WEEK), ("1w", WEEK), ("2026-11-02T10:00", 10)]
)
def test_a_span_is_whole_minutes(text: str, minutes: int) -> None:
    """Until now, whether it is a span or a date."""
    assert span_minutes(text, "--since", NOW, WEEK) == minutes


@pytest.mark.parametrize("text", ["0m", "8d", "2026-11-03", "2026-11-02T10:10", "soon"])
def test_another_span_is_refused(text: str) -> None:
    """One of nothing, one that is too long, what is to come, and what is none."""
    with pytest.raises(typer.BadParameter, match=f"--since '{text}' is"):
        span_minutes(text, "--since", NOW, WEEK)
