"""What readiness says."""

from __future__ import annotations

from gateway.health import Readiness


def test_damaged_segments_are_told_and_keep_nobody_from_being_served() -> None:
    """The body counts them if there are any; the gateway is ready all the same."""
    sound = Readiness(kafka=True, clickhouse=True, views=True)
    damaged = Readiness(kafka=True, clickhouse=True, views=True, damaged_spool_segments=2)

    assert sound.as_json() == {"status": "ok", "kafka": True, "clickhouse": True, "views": True}
    assert damaged.ready
    assert damaged.as_json() == {**sound.as_json(), "damaged_spool_segments": 2}
