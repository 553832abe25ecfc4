"""After a run of the supervisor none of its processes is left."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.run.supervisor import Supervisor
from tests.support.parts import STAYS, STUBBORN, WITH_CHILD, Screen, as_awaitable, part
from tests.support.processes import is_alive
from tests.support.waiting import aeventually

pytestmark = pytest.mark.system


async def test_every_part_has_ended_after_a_run(screen: Screen) -> None:
    """No child and no grandchild is left when `run` returns."""
    supervisor = Supervisor([part("one", STAYS), part("two", WITH_CHILD)], screen.lines)
    pids: list[int] = []

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "grandchild" in screen.text))
        pids.extend(supervisor.pids.values())
        pids.append(int(screen.text.split("grandchild")[1].split()[0]))
        supervisor.stop()

    await supervisor.run(then)

    assert len(pids) == 3
    assert not any(map(is_alive, pids))


async def test_a_part_that_ignores_sigterm_is_killed(screen: Screen) -> None:
    """A stubborn part is ended by force after its time, and that is said."""
    supervisor = Supervisor([part("worker", STUBBORN, stop_seconds=0.3)], screen.lines)
    pids: list[int] = []

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "│ ready" in screen.text))
        pids.extend(supervisor.pids.values())
        supervisor.stop()

    await supervisor.run(then)

    assert "worker had to be killed" in screen.text
    assert not any(map(is_alive, pids))


async def test_a_frozen_part_is_killed_too(screen: Screen) -> None:
    """SIGSTOP does not keep a part alive past the end of the run."""
    supervisor = Supervisor([part("worker", STAYS, stop_seconds=0.3)], screen.lines)
    pids: list[int] = []

    async def then() -> None:
        pids.extend(supervisor.pids.values())
        os.kill(pids[0], signal.SIGSTOP)
        supervisor.stop()

    await supervisor.run(then)

    assert not any(map(is_alive, pids))


async def test_an_error_of_the_following_work_stops_everything(screen: Screen) -> None:
    """What `then` raises comes out of `run` after the parts have ended."""
    supervisor = Supervisor([part("worker", STAYS)], screen.lines)
    pids: list[int] = []

    async def then() -> None:
        pids.extend(supervisor.pids.values())
        raise KeyError("demo")  # noqa: EM101

    with pytest.raises(KeyError, match="demo"):
        await supervisor.run(then)

    assert not any(map(is_alive, pids))
