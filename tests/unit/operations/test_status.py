"""The page about a system."""

from __future__ import annotations

import orjson
import pytest

from operations.lag import Lag, PartitionLag
from operations.status import Restarts, Status


@pytest.mark.parametrize(
    ("parts", "healthy"),
    [
        ({"gateway": "ok", "kafka": "ok"}, True),
        ({"gateway": "ok", "kafka": "does not answer"}, False),
        ({}, False),
    ],
)
def test_a_system_is_healthy_if_every_part_is(parts: dict[str, str], *, healthy: bool) -> None:
    """One part that does not work, or nothing known, and it is not."""
    assert Status(parts=parts).healthy is healthy


def test_scripts_get_plain_values() -> None:
    """The page as JSON has all of it, with the verdict."""
    error = {"at": "2026-01-01 00:00:00.000", "webhook": "7", "verdict": "error", "text": "no slug"}
    lag = Lag("group", "topic", 3, 1.5, (PartitionLag(7, 3, 1.5),))
    status = Status({"kafka": "ok"}, [lag], {"raw": 5}, error, {"sink": Restarts(2, "exit code 1")}, ["so"])

    assert orjson.loads(orjson.dumps(status.as_json())) == {
        "parts": {"kafka": "ok"},
        "lag": [
            {
                "group": "group",
                "topic": "topic",
                "lag": 3,
                "seconds": 1.5,
                "partitions": [{"partition": 7, "lag": 3, "seconds": 1.5}],
            }
        ],
        "rows": {"raw": 5},
        "last_error": error,
        "restarts": {"sink": {"count": 2, "last": "exit code 1"}},
        "notes": ["so"],
        "healthy": True,
    }
