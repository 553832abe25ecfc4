"""Work off the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from gateway.errors import ApiError
from gateway.ingest.workshop import Workshop
from tests.support.waiting import aeventually


async def test_work_is_done_off_the_loop() -> None:
    """Its result and its error come back; the loop goes on meanwhile."""
    workshop = Workshop()
    goes_on = threading.Event()

    def waits_for_the_loop() -> bool:
        return goes_on.wait(30)

    working = asyncio.create_task(workshop.run("a", waits_for_the_loop))
    await asyncio.sleep(0)
    goes_on.set()

    assert await working
    with pytest.raises(ZeroDivisionError):
        await workshop.run("a", lambda: 1 // 0)
    assert await workshop.run("a", lambda: 7) == 7


async def test_each_caller_has_its_turn() -> None:
    """Whoever has much to do waits behind whoever has little."""
    workshop = Workshop(threads=1)
    gate = threading.Event()
    order: list[str] = []
    first = asyncio.create_task(workshop.run("x", lambda: gate.wait(30)))
    await asyncio.sleep(0)
    names = ["many", "many", "many", "few", "other"]
    working = [asyncio.create_task(workshop.run(name, lambda name=name: order.append(name))) for name in names]  # type: ignore[misc]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *working)

    assert order == ["many", "few", "other", "many", "many"]


async def test_who_has_too_much_waiting_is_refused() -> None:
    """The others are not."""
    workshop = Workshop(threads=1, most_waiting=2)
    gate = threading.Event()
    working = [asyncio.create_task(workshop.run("many", lambda: gate.wait(30))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(ApiError, match="unavailable"):
        await workshop.run("many", lambda: None)
    other = asyncio.create_task(workshop.run("other", lambda: True))
    await asyncio.sleep(0)
    gate.set()

    assert await other
    assert await asyncio.gather(*working) == [True] * 3


async def test_what_nobody_waits_for_is_not_done() -> None:
    """A caller that hangs up before its turn costs nothing."""
    workshop = Workshop(threads=1)
    gate = threading.Event()
    done: list[str] = []
    first = asyncio.create_task(workshop.run("x", lambda: gate.wait(30)))
    await asyncio.sleep(0)
    gone = asyncio.create_task(workshop.run("a", lambda: done.append("gone")))
    stays = asyncio.create_task(workshop.run("a", lambda: done.append("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    await asyncio.gather(first, stays)

    assert done == ["stays"]


async def test_what_fails_leaves_nothing_behind() -> None:
    """A body is gone with its refusal, and not only when somebody collects garbage."""
    workshop = Workshop()

    class Body:
        pass

    async def refused() -> weakref.ref[Body]:
        body = Body()
        gone = weakref.ref(body)
        with pytest.raises(ApiError):
            await workshop.run("a", lambda body=body: refuse(body))  # type: ignore[misc]
        return gone

    def refuse(body: Body) -> None:
        held, slug = body, "invalid-json"
        raise ApiError(slug, {}, held=str(held))

    gc.collect()
    gc.disable()
    try:
        gone = await refused()
        await workshop.run("a", lambda: None)

        async def let_go() -> bool:
            return gone() is None

        # Its thread may have told of the refusal before it has let go of the work.
        await aeventually(let_go, 30, "the body's end")
    finally:
        gc.enable()
