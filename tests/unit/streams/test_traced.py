"""Spans of transactions, and their names in what is written."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from schemas.settings import Settings
from schemas.wire.traces import followed
from streams.mandate import Unlimited
from streams.messages import source_headers
from streams.traced import begin_span, tracer_for
from tests.unit.streams.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RAW = TopicPartition("raw", 3)
NAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class _Tracer:
    def __init__(self) -> None:
        self.asked: list[tuple[list[str], Mapping[str, Any]]] = []

    def chosen(self) -> bool:
        """Nobody asks."""
        return False

    def begin(self, _name: str, _caller: str | None, _attributes: Mapping[str, str | int], /) -> None:
        """Nobody asks."""

    def follow(self, _name: str, _kind: str, parents: Sequence[str], attributes: Mapping[str, Any], /) -> None:
        """Remember what is asked."""
        self.asked.append((list(parents), attributes))

    def close(self) -> None:
        """Nothing to do."""


def test_a_chunk_has_a_span_if_something_in_it_is_traced() -> None:
    """With all that are traced as parents, and how many records there are."""
    tracer, now = _Tracer(), time.time_ns() // 1_000_000
    plain, traced = record(1, timestamp=now), record(2, headers=(("traceparent", NAME.encode()),), timestamp=now)
    begin_span(None, RAW, [traced])
    begin_span(tracer, RAW, [plain])
    begin_span(tracer, RAW, [plain, traced])

    ((parents, attributes),) = tracer.asked
    assert parents == [NAME]
    assert (attributes["messaging.batch.message_count"], attributes["telemetry.last_offset"]) == (2, 2)


def test_a_replay_tells_of_nothing() -> None:
    """What it reads again has been told of; a worker of the live generation has a tracer."""
    settings = Settings(_env_file=None, traces="http://127.0.0.1:9")
    behind: Any = SimpleNamespace(live_progress=object())
    tracer = tracer_for(settings, Unlimited())
    assert tracer is not None
    tracer.close()

    assert tracer_for(settings, behind) is None


def test_what_is_written_of_a_chunk_names_its_span() -> None:
    """So that whoever stores it goes on with the trace; without a span it has the offsets alone."""
    now = time.time_ns() // 1_000_000

    assert followed(source_headers(1, 2, NAME), now, now) == NAME
    assert source_headers(1, 2) == [("first-offset", b"1"), ("last-offset", b"2")]
