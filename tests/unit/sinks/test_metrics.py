"""What the sink counts of a block that is stored."""

from __future__ import annotations

import time

from aiokafka import TopicPartition
from prometheus_client.exposition import generate_latest

from schemas.wire.topics import Topics
from sinks.metrics import SINK, note_stored, tell_lag
from sinks.writer.block import Block, Piece, Slice
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Buffer
from sinks.writer.routes import derived_routes, raw_route
from tests.support.metrics import sample

TOPICS = Topics("counted.")


def figure(series: str) -> float:
    """A figure of the sink as it stands."""
    return sample(generate_latest(SINK.registry).decode(), f"telemetry_sink_{series}")


def block(topic: str, body: bytes, rows: int, timestamp: int) -> Block:
    """A block of one record."""
    place = TopicPartition(topic, 0)
    return Block((Slice(place, 1, None, (Piece(0, (body,), rows, timestamp),)),))


def test_rows_and_freshness_are_those_of_the_block() -> None:
    """Refused rows are not stored; freshness is told from when the gateway took the webhook, not its outcome."""
    outcomes = next(route for route in derived_routes(TOPICS) if route.topic == TOPICS.outcomes)
    created = time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime(time.time() - 40))
    body = f'{{"id":1,"created_at":"{created}"}}\n{{"id":2}}\n'.encode()
    rows, seen = figure('rows_total{table="webhooks"}'), figure('freshness_seconds_sum{table="webhooks"}')

    note_stored(outcomes, block(TOPICS.outcomes, body, 2, int(time.time() * 1000)), 1, [body])

    assert figure('rows_total{table="webhooks"}') == rows + 1
    assert 39 < figure('freshness_seconds_sum{table="webhooks"}') - seen < 50


def test_freshness_of_raw_webhooks_is_by_their_own_time() -> None:
    """The oldest of the block counts; a row whose time cannot be read is counted all the same."""
    raw, seen = raw_route(TOPICS), figure('freshness_seconds_sum{table="raw"}')
    note_stored(raw, block(TOPICS.raw, b"row", 1, int(time.time() * 1000) - 7_000), 0, [b"row"])
    outcomes = next(route for route in derived_routes(TOPICS) if route.topic == TOPICS.outcomes)
    count = figure('freshness_seconds_count{table="webhooks"}')
    note_stored(outcomes, block(TOPICS.outcomes, b"no JSON\n", 1, 0), 0, [b"no JSON\n"])

    assert 6 < figure('freshness_seconds_sum{table="raw"}') - seen < 20
    assert figure('freshness_seconds_count{table="webhooks"}') == count


def test_lag_is_from_what_is_stored_to_the_end() -> None:
    """Since when the first record waits is known from its arrival until it is stored, also while it is under way."""
    place = TopicPartition(TOPICS.facts, 3)
    series = f'{{partition="3",topic="{TOPICS.facts}"}}'
    buffer = Buffer(place, Bookmark("topic", 10, None), 1)
    buffer.settle()
    buffer.add([Piece(11, (b"x\n",), 1, int(time.time() * 1000) - 30_000)], 12, 0.0)
    for step in (lambda: None, lambda: buffer.take(1, 1, 0.0)):
        step()
        tell_lag("group", {place: buffer}, {place: 15})
        assert figure(f"lag_records{series}") == 5
        assert 29 < figure(f"lag_seconds{series}") < 40
    buffer.move(12)
    tell_lag("group", {place: buffer}, {place: 12})

    assert (figure(f"lag_records{series}"), figure(f"lag_seconds{series}")) == (0, 0)


def test_the_first_dead_letter_of_a_topic_is_seen_to_come() -> None:
    """Its count is there at 0 from when the sink has a partition of it."""
    place = TopicPartition(TOPICS.scores, 0)
    tell_lag("group", {place: Buffer(place, Bookmark("topic", 10, None), 1)}, {})

    assert (
        f'telemetry_sink_dead_letters_total{{topic="{TOPICS.scores}"}} 0.0\n' in generate_latest(SINK.registry).decode()
    )
