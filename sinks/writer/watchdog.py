"""Noticing that reading stands still. Pure: time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka import TopicPartition

__all__ = ["Watchdog"]

_PATIENCE_SECONDS: Final = 45.0


class Watchdog:
    """Remembers since when each partition has had records that are not read.

    A sink that waits for ClickHouse is not still: what it has read it holds, and what is paused does not count.
    """

    def __init__(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Be patient for so many seconds."""
        self._patience = patience
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def observe(
        self,
        now: float,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        excused: Iterable[TopicPartition] = (),
    ) -> list[TopicPartition]:
        """Note how far each partition has been read, and where it ends; returns those that stand still too long."""
        still: list[TopicPartition] = []
        since: dict[TopicPartition, tuple[int, float]] = {}
        for partition in positions.keys() - set(excused):
            position = positions[partition]
            if ends.get(partition, 0) <= position:
                continue
            before, began = self._since.get(partition, (position, now))
            since[partition] = (position, began if before == position else now)
            if now - since[partition][1] >= self._patience:
                still.append(partition)
        self._since = since
        return sorted(still)
