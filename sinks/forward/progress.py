"""How far a partition is settled, as the group's committed offset and its metadata keep it (pure).

What is before the offset is settled. Behind it one student may wait for hours while others are told, so the metadata
names what is open there: whoever takes the partition over does not tell the rest again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from schemas.coercion import digits_as_id
from schemas.wire.formats import require_known

__all__ = ["Progress"]

# Of the metadata; see schemas.wire.formats.
_FORMAT: Final = 1
# Kafka takes 4,096 bytes by default; beside the numbers there are format, topic and commas.
_MOST_LETTERS: Final = 3_500


class Progress:
    """One partition of the topic whose Kafka id is `topic_id`.

    Attributes:
        position: Up to where it has been read.
    """

    def __init__(
        self, topic_id: str, start: int, done_until: int = 0, still_open: frozenset[int] = frozenset()
    ) -> None:
        """Begin at `start`; of what is before `done_until` only `still_open` is to be told."""
        self.position = start
        self._topic_id = topic_id
        self._done_until = done_until
        self._still_open = still_open
        self._open: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def begin(self, offset: int, timestamp: int) -> bool:
        """Note that a record was read, written at `timestamp` (ms); whether it is to be told. They come in order."""
        self.position = max(self.position, offset + 1)
        if offset < self._done_until and offset not in self._still_open:
            return False
        self._open[offset] = timestamp
        return True

    def end(self, offset: int) -> None:
        """Note that a record is settled."""
        self._open.pop(offset, None)

    def passed(self, position: int) -> None:
        """Note that there is no record before a position but those that were begun."""
        self.position = max(self.position, position)

    @property
    def until(self) -> int:
        """Up to where it is known what is settled: a log that ends before was cut."""
        return max(self.position, self._done_until)

    @property
    def start(self) -> int:
        """The offset to commit: everything before is settled."""
        return next(iter(self._open), self.position)

    @property
    def oldest(self) -> int | None:
        """When the first record that is open was written, in milliseconds since 1970; None where none is."""
        return next(iter(self._open.values()), None)

    def unsettled(self, end: int) -> int:
        """How many offsets before the end of the log may be to be told yet: what is open, and what nobody has read."""
        still = sum(1 for offset in self._still_open if offset >= self.position)
        return len(self._open) + still + max(0, end - self.until)

    def metadata(self) -> str:
        """What is committed beside the offset: what is open from there on, by its distance, and up to where that is so.

        Of more than there is room for the rest is told again.
        """
        start, known, letters = self.start, list[str](), 0
        until = self.until
        still = [*self._open, *sorted(offset for offset in self._still_open if offset >= self.position)]
        for offset in still:
            distance = str(offset - start)
            if (letters := letters + len(distance) + 1) > _MOST_LETTERS:
                until = offset
                break
            known.append(distance)
        return f"{_FORMAT};{self._topic_id};{until - start};{','.join(known)}"

    @classmethod
    def read(cls, topic_id: str, offset: int, metadata: str | None, begin: int) -> Progress:
        """Read a committed offset back; at `begin` where nothing was committed of this topic.

        An offset without metadata, as an operator's tools commit it, is taken as it is. Raises NewerFormatError for
        what a newer release has committed.
        """
        if offset < 0:
            return cls(topic_id, begin)
        if not metadata:
            return cls(topic_id, offset)
        version, whose, until, still_open = [*metadata.split(";", 3), "", "", ""][:4]
        require_known("the offsets that forwarders have committed", digits_as_id(version) or _FORMAT, _FORMAT)
        if whose != topic_id:
            return cls(topic_id, begin)
        distances = (digits_as_id(distance) for distance in still_open.split(","))
        rest = frozenset(offset + distance for distance in distances if distance is not None)
        return cls(topic_id, offset, offset + (digits_as_id(until) or 0), rest)
