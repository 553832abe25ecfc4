"""Gives an unfinished change of generations up, and deletes those that nobody needs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from operations.generations.cleaning import clean_surplus, delete_generation
from operations.generations.journal import JournalWriter
from operations.generations.lease import Lease
from operations.generations.recovery import finish_interrupted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["Dropping", "changing", "drop", "give_up"]


@contextlib.asynccontextmanager
async def changing(settings: Settings) -> AsyncIterator[JournalWriter]:
    """The right to change generations, with what another process left half done settled."""
    async with Lease(settings), JournalWriter(settings) as writer:
        await finish_interrupted(settings, writer)
        yield writer


@dataclass(frozen=True, slots=True)
class Dropping:
    """What `drop` does: the generation that a change to is given up, if there is one, and those that are deleted."""

    given_up: int | None
    deleted: tuple[int, ...]

    @classmethod
    def of(cls, journal: Journal) -> Self:
        """What there is to do; a rollback's generation was live before and stays."""
        begun = () if journal.target is None or journal.rollback else (journal.target,)
        return cls(journal.target, (*begun, *journal.surplus))


async def drop(settings: Settings, agreed: Callable[[Dropping], Awaitable[bool]]) -> Dropping | None:
    """Give an unfinished replay or rollback up, and delete the generations that nobody needs.

    Returns what was done, None if `agreed`, which is asked where there is something to do, said no. Raises JournalError
    where a change is being swapped, aiokafka's KafkaError and ClickHouse's errors.
    """
    async with changing(settings) as writer:
        todo = Dropping.of(writer.journal)
        if todo != Dropping(None, ()) and not await agreed(todo):
            return None
        if todo.given_up is not None:
            await give_up(settings, writer)
        await clean_surplus(settings, writer)
        return todo


async def give_up(settings: Settings, writer: JournalWriter) -> None:
    """End the change that is under way; what was computed for it alone is deleted. Raises as `drop`."""
    target, returning = writer.journal.target, writer.journal.rollback
    await writer.write(writer.journal.dropping())
    if target is not None and not returning:
        await delete_generation(settings, target)
        await writer.write(writer.journal.without(target))
