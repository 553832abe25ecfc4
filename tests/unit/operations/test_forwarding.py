"""What a page about the whole says of forwarders."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

from broker.topic_ids import TopicError
from operations import forwarding
from operations.forwarding import notes
from schemas.settings import Settings

if TYPE_CHECKING:
    import pytest


async def test_a_topic_that_goes_away_meanwhile_ends_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says why nothing is known."""
    gone = TopicError("Topic t does not exist. Run: learnpack-telemetry setup")
    monkeypatch.setattr(forwarding, "forwarders", AsyncMock(side_effect=gone))

    assert await notes(Settings(_env_file=None), 30) == [f"Of forwarders nothing is known: {gone}"]
