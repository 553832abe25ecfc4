"""Which dead letters wait, whatever the table knows yet: by the table, and by what their topic has beyond it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from broker.committed import committed_by_new_client
from broker.reading import read_topic, written_ends
from operations.dead_letter_rows import resolutions
from schemas.coercion import digits_as_id
from schemas.wire.dead_letters import LETTER
from schemas.wire.place import split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.dead_letter_rows import DeadLetter
    from schemas.settings import Settings

__all__ = ["states_of"]

_ID: Final = f"{LETTER}id"
_RESOLUTION: Final = f"{LETTER}resolution"


async def states_of(settings: Settings, letters: Sequence[DeadLetter]) -> dict[int, str]:
    """What has become of dead letters, by their ids, empty where they wait; those that are gone are left out.

    It is so in this order: where the sink has come to, then the table, which has what is before that, then the topic
    from there on. Whoever keeps others from resolving meanwhile knows then what waits. Raises KafkaError, OSError and
    ClickHouse's errors.
    """
    topics = Topics.of(settings)
    numbers = sorted({split_place(letter.id)[0] for letter in letters})
    if not numbers:
        return {}
    places = [TopicPartition(topics.dead_letters, number) for number in numbers]
    stored = await committed_by_new_client(settings.kafka_options(), topics.sinks, places)
    states = await asyncio.to_thread(resolutions, settings, letters)
    ends = await written_ends(settings, topics.dead_letters, numbers)
    begin = {place.partition: max(0, at.offset) for place, at in stored.items()}
    async for _, records in read_topic(settings, topics.dead_letters, begin, ends, lambda _: None):
        for record in records:
            headers = dict(record.headers)
            letter = digits_as_id(headers.get(_ID))
            if letter in states and _RESOLUTION in headers:
                states[letter] = headers[_RESOLUTION].decode("utf-8", "replace")
    return states
