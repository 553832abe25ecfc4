"""Breaks a worker from inside, as Faust, the disk or a bug would, for tests that must see it recover."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.service import Service

# A chunk that is lost is missed when the next one comes: the last ones must come.
_DROPPED_UNTIL = 12

__all__ = ["SABOTAGES"]


def drop_chunks(service: Service) -> None:
    """Every third of the first chunks never reaches its partition, as around a rebalance."""
    submit, count = service.app.owner.submit, itertools.count()

    async def lossy(chunk: Any, generation: int) -> None:
        number = next(count)
        if number % 3 or number > _DROPPED_UNTIL:
            await submit(chunk, generation)

    service.app.owner.submit = lossy  # type: ignore[method-assign]  # sabotage


def repeat_chunks(service: Service) -> None:
    """Every chunk comes twice, the second time after the next one."""
    submit = service.app.owner.submit
    last: list[Any] = []

    async def echo(chunk: Any, generation: int) -> None:
        await submit(chunk, generation)
        if last:
            await submit(last.pop(), generation)
        last.append(chunk)

    service.app.owner.submit = echo  # type: ignore[method-assign]  # sabotage


def break_store(service: Service) -> None:
    """The disk fails at the fifth write: after the transaction was committed."""
    store, count = service.app.tables["state"].data, itertools.count()
    write = store.write

    def failing(*arguments: Any) -> None:
        if next(count) == 5:
            message = "no space left on device"
            raise OSError(message)
        write(*arguments)

    store.write = failing


SABOTAGES: dict[str, Callable[[Service], None]] = {"drop": drop_chunks, "repeat": repeat_chunks, "disk": break_store}
