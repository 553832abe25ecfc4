"""What of the libraries' messages is written."""

from __future__ import annotations

import logging

import pytest

from deploy.run.logs import OncePerPeriod


def record(name: str, message: str, at: float, *values: object) -> logging.LogRecord:
    """A record of a logger at a time, in seconds."""
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, message, values, None)
    made.created = at
    return made


def test_a_client_complains_once_per_period() -> None:
    """Of a Kafka client's messages each kind is written once in ten seconds, then again."""
    once = OncePerPeriod(10)
    storm = [record("aiokafka.conn", "no connection to %s", 100 + tenth / 10, tenth) for tenth in range(250)]

    written = [one.created for one in storm if once.filter(one)]

    assert written == [100, 110, 120]


def test_different_messages_are_told_apart() -> None:
    """Another text or another logger is another message."""
    once = OncePerPeriod(10)
    records = [record("aiokafka", "a", 100), record("aiokafka", "b", 100), record("aiokafka.conn", "a", 100)]

    assert all(map(once.filter, records))


def test_our_own_messages_are_always_written() -> None:
    """Loggers that are not the Kafka client's are never held back."""
    once = OncePerPeriod(10)

    assert all(once.filter(record("streams", "dead letters written", 100)) for _ in range(3))


@pytest.mark.parametrize(
    "text", ["Group Coordinator Request failed: %s", "Marking the coordinator dead (node %s)for group %s."]
)
def test_what_passes_by_itself_is_no_error(text: str) -> None:
    """A coordinator that a new broker has not made yet is told only if it is still not there after a period."""
    once = OncePerPeriod(10)
    start = [record("aiokafka.consumer.group_coordinator", text, 100 + tenth / 10) for tenth in range(50)]
    later = [record("aiokafka.consumer.group_coordinator", text, 500 + tenth / 10) for tenth in range(150)]

    assert not any(map(once.filter, start))
    assert [one.created for one in later if once.filter(one)] == [510]
