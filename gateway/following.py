"""What the gateway needs of whoever keeps its view of the reference topics; deploy hands it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from schemas.reference import Reference

__all__ = ["Follow", "Follower"]


class Follower(Protocol):
    """Applies the records of the reference topics to a Reference, first all there are, then each as it arrives."""

    @property
    def complete(self) -> asyncio.Event:
        """Set once everything that was in the topics at the start is applied."""

    async def start(self) -> None:
        """Connect and begin; raises KafkaError if no broker answers."""

    async def stop(self) -> None:
        """Stop following; what was applied stays."""


# Makes a follower for a view. The callback is called if it fails later: a view that stands still must end the process.
Follow = Callable[["Reference", Callable[[BaseException], None]], Follower]
