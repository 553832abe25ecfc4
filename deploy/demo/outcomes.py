"""Waits until what the demo sent has come out: outcomes in ClickHouse, then everything that belongs to them."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from deploy.demo.errors import DemoError
from operations.clickhouse import connected
from operations.generations.journal import read_journal
from operations.generations.offsets import Offsets
from schemas.wire.place import OFFSET_BITS, place_at
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["Since", "count", "until_come_out", "until_stored"]

_WAIT_SECONDS: Final = 45.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Since:
    """What tells webhooks that came since a moment from older ones: the ends of the raw topic, as places."""

    places: list[int]

    # Of a query, with `parameters`.
    CONDITION = """id >= arrayFirst(
    place -> bitShiftRight(place, {bits:UInt8}) = bitShiftRight(id, {bits:UInt8}), {places:Array(UInt64)}
)"""

    @classmethod
    async def now(cls, settings: Settings) -> Self:
        """Those from now on; raises KafkaError."""
        async with Offsets(settings) as offsets:
            ends = await offsets.ends_in(Topics.of(settings).raw)
        return cls([place_at(number, end) for number, end in ends.items()])

    @property
    def parameters(self) -> dict[str, Any]:
        """What the condition is about, as parameters of a query."""
        return {"places": self.places, "bits": OFFSET_BITS}


def count(settings: Settings, webhooks: str, parameters: dict[str, Any]) -> int:
    """How many webhooks with an outcome pass a condition (SQL of our own); blocks."""
    with closing(connected(settings)) as client:
        answer = client.query(f"SELECT count() FROM webhooks WHERE {webhooks}", parameters=parameters)  # noqa: S608 - our own text
        return int(answer.result_rows[0][0])


def until_come_out(settings: Settings, webhooks: str, parameters: dict[str, Any], wanted: int) -> None:
    """Return once so many webhooks that pass the condition have an outcome; raises DemoError after 45 s. Blocks."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while (present := count(settings, webhooks, parameters)) < wanted:
        if time.monotonic() > deadline:
            message = f"{wanted - present} webhooks have no outcome after {_WAIT_SECONDS:g} s; ask `status` why."
            raise DemoError(message)
        time.sleep(_POLL_SECONDS)


async def until_stored(settings: Settings) -> None:
    """Return once all is stored that was committed: an outcome comes with facts and scores, but each topic goes alone.

    Raises DemoError after 45 s.
    """
    topics = Topics.of(settings).of_generation((await read_journal(settings)).live)
    async with Offsets(settings) as offsets:
        stored = await offsets.until_stored(topics, _WAIT_SECONDS)
    if not stored:
        message = f"what became of the documents is not stored after {_WAIT_SECONDS:g} s; ask `status` why."
        raise DemoError(message)
