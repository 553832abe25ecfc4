"""Where a partition stands, as the consumer group's committed offset and its metadata keep it.

Everything before `offset` is stored. `name` is that of the block that may be under way from here; whoever takes the
partition over takes that name away first (`sinks.writer.lane`), so that the block cannot arrive later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.wire.formats import require_known
from sinks.errors import SinkError

__all__ = ["Bookmark", "Name"]

# Of the metadata; see schemas.wire.formats.
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Name:
    """A block's name in its partition: the assignment that made it (a number of its own), and an offset there."""

    run: int
    offset: int


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The state of one partition of the topic whose Kafka id is `topic_id`; no `name`: nothing can be under way."""

    topic_id: str
    offset: int
    name: Name | None = None

    def metadata(self) -> str:
        """What is committed beside the offset (Kafka takes 4,096 bytes by default).

        A sink from before names finds a range that it is to store first, which is empty, and goes on from there.
        """
        if self.name is None:
            return f"{_FORMAT};{self.topic_id}"
        return f"{_FORMAT};{self.topic_id};{self.offset};{self.name.offset - self.offset}:{self.name.run}"

    @classmethod
    def read(cls, topic_id: str, offset: int, metadata: str | None) -> Bookmark | None:
        """Read a committed offset back; None where it belongs to another topic of that name (or to nobody: -1).

        An offset without metadata, as an operator's tools commit it, is taken as it is, and so is one with a range that
        an earlier version was storing: what that has stored is stored once more, and replaces itself. Raises
        NewerFormatError for metadata of a newer release: it may name a block in a way that is not known yet.
        """
        if offset < 0:
            return None
        if not metadata:
            return cls(topic_id, offset)
        version, whose, end, name = [*metadata.split(";", 3), "", "", ""][:4]
        if not version.isdecimal():
            message = f"the committed offset's metadata {metadata!r:.80} is nobody's of ours: commit the offset anew"
            raise SinkError(message)
        require_known("the offsets that sinks have committed", int(version), _FORMAT)
        if whose != topic_id:
            return None
        if not name or int(end) != offset:
            return cls(topic_id, offset)
        distance, _, run = name.partition(":")
        return cls(topic_id, offset, Name(int(run), offset + int(distance)))
