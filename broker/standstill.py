"""Noticing that reading stands still. Pure: time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiokafka import TopicPartition

__all__ = ["Watchdog"]

_PATIENCE_SECONDS: Final = 45.0


class Watchdog:
    """Remembers since when each partition has stood where it stands, with records that are not read.

    A sink that waits for ClickHouse is not still: what it has read it holds, and what is paused does not count.
    """

    def __init__(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Be patient for so many seconds."""
        self._patience = patience
        self._since: dict[tuple[TopicPartition, int], float] = {}

    def observe(
        self,
        now: float,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        excused: Collection[TopicPartition] = (),
    ) -> list[TopicPartition]:
        """Note how far each partition has been read, and where it ends; returns those that stand still too long."""
        behind = {(tp, at) for tp, at in positions.items() if tp not in excused and at < ends.get(tp, 0)}
        self._since = {place: self._since.get(place, now) for place in behind}
        return sorted(tp for (tp, _), since in self._since.items() if now - since >= self._patience)
