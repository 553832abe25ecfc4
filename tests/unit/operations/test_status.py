"""The page about a system."""

from __future__ import annotations

import orjson
import pytest

from operations.status import Lag, Restarts, Status


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
    status = Status(
        {"kafka": "ok"}, [Lag("group", "topic", 3)], {"raw": 5}, error, {"sink": Restarts(2, "exit code 1")}, ["so"]
    )

    assert orjson.loads(orjson.dumps(status.as_json())) == {
        "parts": {"kafka": "ok"},
        "lag": [{"group": "group", "topic": "topic", "lag": 3}],
        "rows": {"raw": 5},
        "last_error": error,
        "restarts": {"sink": {"count": 2, "last": "exit code 1"}},
        "notes": ["so"],
        "healthy": True,
    }
