"""Breaks a worker from inside, as Faust, the disk or a bug would, for tests that must see it recover."""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from faust.types import TP

from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.chunk import Chunk
    from streams.service import Service

_SLOW_COMMIT_S = 0.05
# A chunk that is lost is missed when the next one comes: the last ones must come.
_DROPPED_UNTIL = 12

__all__ = ["SABOTAGES", "fail_task"]


def drop_chunks(service: Service) -> None:
    """Every third of the first chunks never reaches its partition, as around a rebalance."""
    submit, count = service.app.owner.submit, itertools.count()

    async def lossy(chunk: Any, group_generation: int) -> None:
        number = next(count)
        if number % 3 or number > _DROPPED_UNTIL:
            await submit(chunk, group_generation)

    service.app.owner.submit = lossy  # type: ignore[method-assign]  # sabotage


def repeat_chunks(service: Service) -> None:
    """Every chunk comes twice, the second time after the next one."""
    submit = service.app.owner.submit
    last: list[Any] = []

    async def echo(chunk: Any, group_generation: int) -> None:
        await submit(chunk, group_generation)
        if last:
            await submit(last.pop(), group_generation)
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


def rewind(service: Service) -> None:
    """All chunks of a partition but the first are lost, then aiokafka begins again behind that one, by itself.

    So it does after an offset that the log does not have; Faust is not told.
    """
    app = service.app
    submit = app.owner.submit
    first_ends: dict[int, int] = {}
    whole: set[int] = set()

    async def seek(partition: int) -> None:
        app.consumer._thread._ensure_consumer().seek(  # noqa: SLF001 - sabotage
            TopicPartition(app.chunked_topic, partition), first_ends[partition]
        )

    async def lossy(chunk: Chunk, group_generation: int) -> None:
        partition = chunk.partition
        if partition in whole or partition not in first_ends:
            first_ends.setdefault(partition, chunk.end)
            await submit(chunk, group_generation)
        elif chunk.end == app.consumer.highwater(TP(chunk.topic, partition)):
            whole.add(partition)
            thread_loop = app.consumer._thread.thread_loop  # noqa: SLF001 - sabotage
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(seek(partition), thread_loop))

    app.owner.submit = lossy  # type: ignore[method-assign]  # sabotage


def commit_by_faust(service: Service) -> None:
    """Transactions never end, and Faust commits what it believes to be done."""
    app = service.app
    submit, count = app.owner.submit, itertools.count()

    async def endless(*_arguments: Any, **_options: Any) -> Any:
        await asyncio.Event().wait()

    async def committing(chunk: Chunk, group_generation: int) -> None:
        # One is in its transaction, one waits.
        if next(count) >= 2:
            await app.consumer.commit()
            sys.stdout.write("Faust has had its turn\n")
            sys.stdout.flush()
        await submit(chunk, group_generation)

    PartitionProducer.commit = endless  # type: ignore[method-assign]  # sabotage
    app.owner.submit = committing  # type: ignore[method-assign]  # sabotage


def slow_commits(service: Service) -> None:
    """Kafka takes its time, and the worker tells the most bytes of chunks that it ever held."""
    budget = service.app.memory_budget
    commit, add, peak = PartitionProducer.commit, budget.add, 0

    async def slow(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(_SLOW_COMMIT_S)
        return await commit(*arguments, **options)

    def observed(chunk: Chunk) -> None:
        nonlocal peak
        add(chunk)
        if budget.held > peak:
            peak = budget.held
            sys.stdout.write(f"held {peak} bytes\n")
            sys.stdout.flush()

    PartitionProducer.commit = slow  # type: ignore[method-assign]  # sabotage
    budget.add = observed  # type: ignore[method-assign]  # sabotage


def never_stop(service: Service) -> None:
    """Faust waits for something that never comes when it is told to stop, and its consumer's thread goes on."""

    async def endless() -> None:
        await asyncio.Event().wait()

    service.app.stop = endless


def fail_task(service: Service, name: str) -> None:
    """After the first chunk, what tasks of this name wait for fails, in both loops, as nobody expects it to."""
    submit, chunks = service.app.owner.submit, itertools.count()

    def fail(loop: asyncio.AbstractEventLoop) -> None:
        for task in asyncio.all_tasks(loop):
            if (
                name in {task.get_name(), getattr(task.get_coro(), "__qualname__", "")}
                or f" {name} " in task.get_name()
            ):
                _fail(task)
                sys.stdout.write(f"failed {name}\n")
                sys.stdout.flush()

    async def submitting(chunk: Chunk, group_generation: int) -> None:
        await submit(chunk, group_generation)
        if next(chunks) == 0:
            for loop in (asyncio.get_running_loop(), service.app.consumer._thread.thread_loop):  # noqa: SLF001 - sabotage
                loop.call_soon_threadsafe(fail, loop)

    service.app.owner.submit = submitting  # type: ignore[method-assign]  # sabotage


def _fail(task: asyncio.Task[Any]) -> None:
    waits: Any = task
    while getattr(waits, "_fut_waiter", None) is not None:
        waits = waits._fut_waiter  # noqa: SLF001 - sabotage
    if not waits.done():
        waits.set_exception(RuntimeError("unexpected"))


SABOTAGES: dict[str, Callable[[Service], None]] = {
    "drop": drop_chunks,
    "repeat": repeat_chunks,
    "disk": break_store,
    "rewind": rewind,
    "faust commits": commit_by_faust,
    "slow": slow_commits,
    "never stops": never_stop,
}
