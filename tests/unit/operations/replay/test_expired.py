"""What is said of rows whose webhooks the log no longer has."""

from __future__ import annotations

from operations.replay.expired import Expired, find_expired
from schemas.settings import Settings


def test_rows_are_told_with_their_webhooks_and_from_when() -> None:
    """By table, with the first and the last arrival, to the minute."""
    found = Expired({"events": 1_250, "scores": 3}, 1_004, "2026-01-02 03:04:05.678", "2026-02-03 04:05:06.789")

    assert found.count == 1_253
    assert found.of(4) == (
        "1,253 rows of generation 4 come from 1,004 webhooks that the log no longer has "
        "(events 1,250, scores 3; arrived 2026-01-02 03:04 to 2026-02-03 04:05)"
    )
    assert Expired({"claims": 1}, 1).of(1) == (
        "1 row of generation 1 comes from 1 webhook that the log no longer has (claims 1)"
    )


def test_nobody_is_asked_where_the_log_is_whole() -> None:
    """A log that begins at its first record has lost nothing: ClickHouse, which is not there, has no say."""
    nowhere = Settings(_env_file=None, clickhouse="http://127.0.0.1:1")

    assert not find_expired(nowhere, 1, {0: 0, 1: 0}).count
