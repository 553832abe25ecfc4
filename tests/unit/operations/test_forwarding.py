"""What a page about the whole says of forwarders."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest

from broker.topic_ids import TopicError
from operations import forwarding
from operations.forwarding import notes
from schemas.settings import Settings


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TopicError("Topic t does not exist. Run: learnpack-telemetry setup"), "Topic t does not exist."),
        (TimeoutError(), "TimeoutError"),
    ],
)
async def test_what_is_not_told_ends_no_page(monkeypatch: pytest.MonkeyPatch, error: Exception, why: str) -> None:
    """One line says why nothing is known: a topic that went away meanwhile, or a broker that took too long."""
    monkeypatch.setattr(forwarding, "forwarders", AsyncMock(side_effect=error))

    (line,) = await notes(Settings(_env_file=None), 30)

    assert line.startswith(f"Of forwarders nothing is known: {why}")
