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


def test_a_part_that_ends_again_and_again_makes_the_system_not_ready() -> None:
    """What is taken would not go on to the tables: the body says which part, and why."""
    trouble = {"worker-1": "ends again and again, 3 times in the last 10 minutes: exit code 72"}
    state = Readiness(kafka=True, clickhouse=True, views=True, restarting=trouble)

    assert not state.ready
    assert state.as_json() == {
        "status": "not ready",
        "kafka": True,
        "clickhouse": True,
        "views": True,
        "restarting": trouble,
    }
