"""What entitles a process to work on a generation, and as what: as the live one, or behind the live one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streams.live_progress import LiveProgress

__all__ = ["Mandate", "Unlimited"]


class Mandate(Protocol):
    """A generation's place in the journal of generations.

    Attributes:
        live_progress: What a replay follows; None for the live generation.
    """

    live_progress: LiveProgress | None

    async def holds(self) -> bool:
        """Whether the generation may be worked on, by what Kafka holds now.

        Asked by each partition after it has fenced the previous owner. Whoever stops a generation first writes it down
        and then fences: so either this sees it, or what is done here is fenced.
        """

    async def ended(self) -> None:
        """Returns when the generation must not be worked on any more."""


class Unlimited:
    """The mandate of a worker that no journal concerns."""

    live_progress: LiveProgress | None = None

    async def holds(self) -> bool:
        """Always."""
        return True

    async def ended(self) -> None:
        """Never."""
        await asyncio.Event().wait()
