"""Where a partition stands, as the consumer group's committed offset and its metadata keep it.

A bookmark without an intent says: everything before `offset` is stored. One with an intent says besides: the block
[offset, end) may have been sent. Whoever takes the partition over rebuilds exactly that block, under the same token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Bookmark", "Intent", "LineId"]

_FORMAT: Final = "1"

# A line of a packed record: the record's offset and the line's place in it, from 0.
LineId: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Intent:
    """The block that is being stored: up to offset `end` (exclusive), without the lines `excluded` (sorted)."""

    end: int
    excluded: tuple[LineId, ...] = ()


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The state of one partition of the topic whose Kafka id is `topic_id`."""

    topic_id: str
    offset: int
    intent: Intent | None = None

    def metadata(self) -> str:
        """What is committed beside the offset (Kafka takes 4,096 bytes by default)."""
        if self.intent is None:
            return f"{_FORMAT};{self.topic_id}"
        excluded = ",".join(f"{offset - self.offset}:{line}" for offset, line in self.intent.excluded)
        return f"{_FORMAT};{self.topic_id};{self.intent.end};{excluded}"

    @classmethod
    def read(cls, topic_id: str, offset: int, metadata: str | None) -> Bookmark | None:
        """Read a committed offset back; None where it belongs to another topic of that name (or to nobody: -1).

        An offset without metadata, as an operator's tools commit it, has no intent. Raises ValueError for metadata that
        this version cannot read: guessing would store rows twice.
        """
        if offset < 0:
            return None
        if not metadata:
            return cls(topic_id, offset)
        version, _, rest = metadata.partition(";")
        whose, _, intent = rest.partition(";")
        if version != _FORMAT:
            message = f"the committed offset's metadata {metadata!r:.80} is of another version of the sink"
            raise ValueError(message)
        if whose != topic_id:
            return None
        if not intent:
            return cls(topic_id, offset)
        end, _, excluded = intent.partition(";")
        pairs = (pair.partition(":") for pair in excluded.split(",") if pair)
        lines = tuple((offset + int(distance), int(line)) for distance, _, line in pairs)
        return cls(topic_id, offset, Intent(int(end), lines))
