"""The trivial core that measures what is around a core: how many records a key had, and the last of them.

State and output are the same bytes, "COUNT VALUE"; every record in is one record out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Counting", "Packing", "after"]


def after(before: bytes | None, value: bytes) -> bytes:
    """What a key's state is after a record, which is also what is written of the record."""
    count = int(before[: before.index(b" ")]) if before else 0
    return b"%d %b" % (count + 1, value)


class Counting:
    """The core as a processor of one chunk (streams.processing.Processor), and what it leads to (Effects)."""

    facts: Sequence[bytes] = ()
    outcomes: Sequence[bytes] = ()
    scores: Sequence[bytes] = ()
    completions: Sequence[tuple[bytes, bytes]] = ()
    directory: Sequence[tuple[str, bytes, bytes | None]] = ()
    verdicts: Mapping[str, int] = MappingProxyType({})

    def __init__(self, load: Callable[[bytes], bytes | None]) -> None:
        self._load = load
        self._states: dict[bytes, bytes] = {}
        self.telemetry: list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]] = []

    def apply(self, record: Any) -> None:
        """Count a record."""
        self.telemetry.append((record.key, self._counted(record), []))

    def _counted(self, record: Any) -> bytes:
        key = record.key
        before = self._states.get(key)
        now = self._states[key] = after(self._load(key) if before is None else before, record.value)
        return now

    def finish(self) -> Counting:
        """What all of them lead to."""
        return self

    @property
    def changes(self) -> Sequence[tuple[bytes, bytes | None]]:
        """The last state of each key."""
        return list(self._states.items())


class Packing(Counting):
    """The same with outputs as lines, which the worker packs into few records, as it does its facts."""

    def __init__(self, load: Callable[[bytes], bytes | None]) -> None:
        super().__init__(load)
        self.facts: list[bytes] = []

    def apply(self, record: Any) -> None:
        """Count a record."""
        self.facts.append(self._counted(record))
