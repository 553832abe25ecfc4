"""How a system does at this moment, asked of real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from operations.pulse import Arrivals, Backlog, Pulse, PulseTaker
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings

pytestmark = pytest.mark.system

NOTHING = Backlog(0, 0.0)


async def test_what_waits_is_told_and_who_is_away_left_out(installed: Settings) -> None:
    """Of an empty system nothing waits; a webhook waits for both; without ClickHouse Kafka is asked all the same."""
    away = installed.model_copy(update={"clickhouse": SecretStr("http://u:p@127.0.0.1:1")})
    async with PulseTaker(installed) as taker, PulseTaker(away) as half:

        async def nothing_waits() -> bool:
            # Who takes long to answer is left out like who is away.
            return await taker.take() == Pulse(Arrivals(0, None), NOTHING, NOTHING)

        await aeventually(nothing_waits, 60, "an empty system")
        await produce(installed.kafka, Topics.of(installed).raw, [(0, b"7", b"{}", [])])

        async def waits() -> bool:
            told = await taker.take()
            return (told.to_process or NOTHING).offsets == 1 and (told.to_store or NOTHING).offsets == 1

        await aeventually(waits, 60, "a webhook that waits")

        async def waits_in_kafka() -> bool:
            found = await half.take()
            assert found.arrivals is None
            return found.to_process is not None and found.to_process.offsets == 1

        await aeventually(waits_in_kafka, 60, "the same without ClickHouse")


async def test_a_kafka_that_is_away_is_left_out(installed: Settings) -> None:
    """ClickHouse is asked all the same, and asking again is no error either."""
    away = installed.model_copy(update={"kafka": "127.0.0.1:1"})
    async with PulseTaker(away) as taker:
        for _ in range(2):
            assert await taker.take() == Pulse(Arrivals(0, None), None, None)
