"""Background tasks whose end is seen."""

from __future__ import annotations

import asyncio
import itertools

from structlog.testing import capture_logs
from tenacity import wait_none

from broker.watched import BACKOFF, FAILURES, Interrupted, Watched


async def test_a_task_that_fails_begins_again() -> None:
    """However often, with a line in the log each time, until its work returns."""
    runs = itertools.count(1)

    async def work() -> None:
        if next(runs) <= 2_000:
            message = "unexpected"
            raise RuntimeError(message)

    before = FAILURES["counting"]
    with capture_logs() as logged:
        task = Watched("counting", work, wait=wait_none()).start()
        await task.ended()

    assert next(runs) == 2_002
    assert len(logged) == FAILURES["counting"] - before == 2_000
    assert {(entry["task"], entry["reason"]) for entry in logged} == {("counting", "RuntimeError: unexpected")}


async def test_pauses_are_bounded_for_ever() -> None:
    """The pause after ten million failures is the longest one."""

    class State:
        attempt_number = 10_000_000

    assert BACKOFF(State()) == 5.0  # type: ignore[arg-type]


async def test_a_failure_is_handed_to_the_owner() -> None:
    """Once, and the task is over."""
    heard: list[Exception] = []
    error = ValueError("no way on")

    async def work() -> None:
        raise error

    task = Watched("essential", work, failed=heard.append).start()
    await task.ended()

    assert heard == [error]
    assert not task.running


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    """A library that cancels what a task waits for ends the task as little as an error does."""
    heard: list[Exception] = []
    runs = itertools.count(1)

    async def work() -> None:
        if next(runs) == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    handed, again = Watched("a", work, failed=heard.append), Watched("b", work, wait=wait_none())
    await handed.start().ended()
    runs = itertools.count(1)
    await again.start().ended()

    assert [type(error) for error in heard] == [Interrupted]
    assert next(runs) == 3


async def test_a_task_that_is_stopped_is_not_a_failure() -> None:
    """Its owner hears nothing and it does not begin again."""
    heard: list[Exception] = []
    runs: list[None] = []

    async def work() -> None:
        runs.append(None)
        await asyncio.Event().wait()

    for task in (Watched("a", work, failed=heard.append), Watched("b", work)):
        task.start()
        await asyncio.sleep(0)
        assert task.running
        await task.stop()
        assert not task.running

    assert heard == []
    assert len(runs) == 2


async def test_it_is_started_once_at_a_time() -> None:
    """A second start while it runs changes nothing; after its end it runs again."""
    runs: list[None] = []

    async def work() -> None:
        runs.append(None)

    task = Watched("once", work)
    task.start().start()
    await task.ended()
    await task.start().ended()

    assert len(runs) == 2


async def test_what_has_returned_can_be_started_at_once() -> None:
    """Nothing else runs between the last step of the work and the task's end, so no start is lost in between."""
    loop = asyncio.get_running_loop()
    seen: list[bool] = []
    task: Watched

    async def work() -> None:
        await asyncio.sleep(0)
        loop.call_soon(lambda: seen.append(task.running))

    task = Watched("short", work)
    for _ in range(3):
        await task.start().ended()

    assert seen == [False, False, False]
