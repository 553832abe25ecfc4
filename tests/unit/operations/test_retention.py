"""For how long topics keep their records, as far as Kafka tells."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import AsyncMock

import pytest

from operations.history.beginning import require_retention
from operations.history.errors import HistoryError
from operations.retention import days_kept
from schemas.settings import Settings
from schemas.wire.topics import Topics

_DENIED: Final = 29


def _admin(*resources: tuple[Any, ...]) -> Any:
    """Who gets these answers about topics."""
    return SimpleNamespace(describe_configs=AsyncMock(return_value=[SimpleNamespace(resources=list(resources))]))


async def test_a_topic_of_which_kafka_tells_nothing_is_left_out() -> None:
    """It answers an error to whoever may not know, and that is not "no days"; begun days count whole."""
    admin = _admin(
        (_DENIED, "denied", 2, "secret", []),
        *((0, None, 2, name, [("retention.ms", kept)]) for name, kept in (("a", "-1"), ("b", "86400001"), ("c", "0"))),
    )

    assert await days_kept(admin, ["secret", "a", "b", "c"]) == {"a": None, "b": 2, "c": 0}


async def test_nothing_is_imported_into_a_topic_that_may_remove_it_at_once() -> None:
    """Where the importing user may not know it says so, and not that the topic keeps nothing."""
    settings = Settings(_env_file=None)

    with pytest.raises(HistoryError, match="DescribeConfigs"):
        await require_retention(
            settings, _admin((_DENIED, "denied", 2, Topics.of(settings).raw, [])), time.time_ns() // 1000
        )
