"""What a forwarder makes of a record that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from schemas.wire.forwarding import Message, completion_message, is_meant_for, stuck_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import ConsumerRecord

    from schemas.wire.topics import Topics

__all__ = ["Read", "message_of", "readers"]

# The message of a record's value, None where nobody is to be told of it; raises MessageError where it has none.
Read = Callable[[bytes | None], Message | None]


def readers(topics: Topics) -> Mapping[str, Read]:
    """How the records of each topic are read that forwarders tell of: completions first, then who is stuck."""
    return {topics.completions: completion_message, topics.stuck: stuck_message}


def message_of(name: str, read: Read, record: ConsumerRecord) -> Message | None:
    """The message that the forwarder `name` is to tell; None where the record is not for it or for nobody.

    Raises MessageError for a record that has none.
    """
    return read(record.value) if is_meant_for(name, record.headers) else None
