"""A change of generations whose process died: what its journal says is undone or finished by whoever is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from operations.generations.journal import JournalWriter
from schemas.wire.generations import Journal, Phase
from tests.support.http_system import HttpSystem, http_system
from tests.support.replay import contents, journal, live_a_while, replay
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with a history and a replay that has caught up; nobody agreed to swap."""
    with http_system(stack, tmp_path_factory.mktemp("crashes"), directory="open") as running:
        live_a_while(running)
        told = replay(running)
        assert "`replay resume` swaps later, `replay drop` gives it up." in told
        yield running


def leave(system: HttpSystem, *steps: Callable[[Journal], Journal]) -> None:
    """Write steps of the journal as a process would that dies after the last one."""

    async def write() -> None:
        async with JournalWriter(system.settings) as writer:
            for step in steps:
                await writer.write(step(writer.journal))

    asyncio.run(write())


def post(system: HttpSystem, user: int) -> None:
    """A webhook that must be processed by whatever generation is live."""
    with system.client() as client:
        event = {"user_id": user, "slug": "s", "package_slug": "everybodys", "event": "open_step", "telemetry_id": "x"}
        assert client.post("/v1/assignment/me/telemetry", json=event).text == "ok"


def seen(system: HttpSystem, user: int) -> bool:
    """Whether its event can be read."""
    return bool(system.query("SELECT count() FROM events WHERE user_id = {user:UInt64}", user=user)[0][0])


def test_a_pause_without_its_process_is_undone(system: HttpSystem) -> None:
    """The live worker stops at once, finds nobody who would end the pause, ends it and goes on; nothing is lost."""
    leave(system, Journal.paused)
    post(system, 7001)

    eventually(lambda: journal(system.settings).step is Phase.CATCHING_UP, 60, "the pause to be undone")

    assert journal(system.settings).live == 1
    eventually(lambda: seen(system, 7001), 60, "the event")


def test_a_swap_without_its_process_is_finished(system: HttpSystem) -> None:
    """The views read the new generation and workers and sinks go on with it, though the command is no more."""
    assert "Generation" in replay(system)
    replay(system)
    before = contents(system.settings, 1)

    leave(system, Journal.paused, lambda one: one.swapping({0: 0, 1: 0}))

    eventually(lambda: journal(system.settings).step is Phase.IDLE, 60, "the swap to be finished")
    assert journal(system.settings).live == 2
    assert system.query("SELECT generation FROM live_generation") == [(2,)]
    assert contents(system.settings, 2) == before
    post(system, 7002)
    eventually(lambda: seen(system, 7002), 60, "the event")
