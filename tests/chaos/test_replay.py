"""Replay and rollback under load, short forms (the long one: `python -m tests.chaos.replay`)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from schemas.wire.generations import Phase
from tests.chaos.replay_trial import (
    Client,
    Keeper,
    Reader,
    alone,
    check_everything,
    onward,
    replay_killed,
    settled,
    swap_with,
)
from tests.support.http_system import http_system
from tests.support.replay import contents, journal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.timeout(900)]

RATE = 60
SEED = 11


@pytest.fixture
def system(stack: Stack, tmp_path: Path) -> Iterator[HttpSystem]:
    """A gateway of its own; workers and sinks are the keeper's."""
    with http_system(stack, tmp_path, parts=("gateway",), directory="open") as running:
        yield running


@pytest.mark.long
def test_a_replay_that_is_killed_and_resumed_under_load_loses_and_doubles_nothing(system: HttpSystem) -> None:
    """Killed at some moment, resumed, swapped and rolled back while webhooks come; readers see whole generations."""
    rnd = random.Random(SEED)  # noqa: S311 - repeatable
    with Keeper(system, "worker", "sink"), Reader(system) as reader:
        with Client(system, RATE, SEED) as client:
            eventually(lambda: client.accepted > 5 * RATE, 60, "some load")
            replay_killed(system, rnd.random())
            assert swap_with(system, onward(system), Phase.SWAPPING, lambda _: None).process.wait(240) == 0
            swapped = journal(system.settings)
            assert swap_with(system, ("rollback", "--yes"), Phase.SWAPPING, lambda _: None).process.wait(240) == 0
        check_everything(system, client)

    assert journal(system.settings).live == swapped.previous == 1
    assert reader.wrong == []
    assert reader.generations == [1, swapped.live, 1]


@pytest.mark.long
def test_processes_that_die_or_freeze_during_the_swap_leave_one_whole_generation(system: HttpSystem) -> None:
    """Worker, sink and replay are killed while all is paused; an old sink and worker that wake up change nothing."""
    with Keeper(system, "worker", "sink") as keeper, Reader(system) as reader:
        with Client(system, RATE, SEED) as client:
            eventually(lambda: client.accepted > 5 * RATE, 60, "some load")
            killed = swap_with(system, ("--yes",), Phase.PAUSED, lambda child: child.process.kill())
            killed.process.wait()
            eventually(
                lambda: journal(system.settings).step in {Phase.CATCHING_UP, Phase.IDLE}, 60, "a settled journal"
            )

            def kill_both(_replay: object) -> None:
                keeper.children["worker"].kill()
                keeper.children["sink"].kill()

            if journal(system.settings).step is Phase.CATCHING_UP:
                assert swap_with(system, ("resume", "--yes"), Phase.PAUSED, kill_both).process.wait(240) == 0
            own = {"TELEMETRY_DATA": str(system.directory / "zombie")}
            zombies = [system.start("worker", own), system.start("sink")]
            for zombie in zombies:
                zombie.freeze()
            eventually(lambda: alone(system), 60, "a group without the zombies")
            assert swap_with(system, ("rollback", "--yes"), Phase.SWAPPING, lambda _: None).process.wait(240) == 0
        check_everything(system, client)
        live = journal(system.settings).live
        before = contents(system.settings, live)
        for zombie in zombies:
            zombie.thaw()
        # They find out that they are superseded and begin again, or have ended by then.
        eventually(lambda: all(map(settled, zombies)), 60, "the zombies to notice")

    assert contents(system.settings, live) == before
    assert reader.wrong == []
