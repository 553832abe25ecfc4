"""The supervisor with real child processes: how it starts them, and what stops the start."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.run.supervisor import Part, Supervisor, SupervisorError
from tests.support.parts import QUICK, STAYS, Screen, as_awaitable, part, ready_when
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


async def test_parts_start_one_after_the_other(screen: Screen, tmp_path: Path) -> None:
    """A part is started only when the one before it is ready."""
    order = tmp_path / "order"
    first, second = (
        f"import time; open({str(order)!r}, 'a').write({name!r}); open({str(tmp_path / name)!r}, 'w'); time.sleep(600)"
        for name in ("a", "b")
    )
    slow = f"import time; time.sleep(0.3); {first}"
    parts = [
        Part("a", [sys.executable, "-c", slow], os.environ, wait_ready=ready_when(tmp_path / "a")),
        Part("b", [sys.executable, "-c", second], os.environ, wait_ready=ready_when(tmp_path / "b")),
    ]
    supervisor = Supervisor(parts, screen.lines)

    async def then() -> None:
        supervisor.stop()

    await supervisor.run(then)

    assert order.read_text() == "ab"


async def test_a_start_is_not_silent(screen: Screen, tmp_path: Path) -> None:
    """Each part is named as it starts and again as it is ready, before what follows the start begins."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-c", f"import time; open({str(ready)!r}, 'w'); time.sleep(600)"]
    slow = Part("kafka", command, os.environ, wait_ready=ready_when(ready), critical=True)
    supervisor = Supervisor([slow, part("sink", STAYS)], screen.lines)
    told: list[str] = []

    async def then() -> None:
        told.extend(line.partition("│ ")[2] for line in screen.text.splitlines() if line.startswith("supervisor"))
        supervisor.stop()

    await supervisor.run(then)

    assert [line.partition(" after ")[0] for line in told] == [
        "kafka starts",
        "kafka is ready",
        "sink starts",
    ]


async def test_parts_that_start_together_do_not_wait_for_each_other(screen: Screen, tmp_path: Path) -> None:
    """Each of them is ready only once the other runs."""
    command = {
        name: [sys.executable, "-c", f"import time; open({str(tmp_path / name)!r}, 'w'); time.sleep(600)"]
        for name in ("a", "b")
    }
    parts = [
        Part("a", command["a"], os.environ, wait_ready=ready_when(tmp_path / "b")),
        Part("b", command["b"], os.environ, wait_ready=ready_when(tmp_path / "a"), together=True),
    ]
    supervisor = Supervisor(parts, screen.lines)
    running: list[str] = []

    async def then() -> None:
        running.extend(supervisor.pids)
        supervisor.stop()

    await supervisor.run(then)

    assert sorted(running) == ["a", "b"]


async def test_lines_carry_the_name_of_their_part(screen: Screen) -> None:
    """Output of a part, also an unfinished last line and bytes that are no text, comes out behind its name."""
    code = "import os, time; os.write(1, b'one [bold]two\\xff\\nrest'); os.write(2, b' of it\\n'); time.sleep(600)"
    supervisor = Supervisor([part("gateway", code)], screen.lines)

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "rest of it" in screen.text))
        supervisor.stop()

    await supervisor.run(then)

    lines = [line.strip() for line in screen.text.splitlines() if "supervisor" not in line]
    assert lines == ["gateway │ one [bold]two\ufffd", "gateway │ rest of it"]


async def test_a_critical_part_that_ends_while_starting_stops_the_start(screen: Screen, tmp_path: Path) -> None:
    """The first start fails with the part's name, exit code and last line, and nothing stays behind."""
    broken = Part(
        "kafka",
        [sys.executable, "-c", "print('port in use'); raise SystemExit(1)"],
        os.environ,
        wait_ready=ready_when(tmp_path / "never"),
        critical=True,
    )
    supervisor = Supervisor([part("clickhouse", STAYS), broken], screen.lines)

    with pytest.raises(SupervisorError, match="kafka did not start: exit code 1; its last line: port in use"):
        await supervisor.run()

    assert supervisor.pids == {}


async def test_a_critical_part_that_is_killed_whenever_it_starts_stops_the_start(
    screen: Screen, tmp_path: Path
) -> None:
    """After as many ends as are alarming."""
    never, code = ready_when(tmp_path / "never"), "import os; os.kill(os.getpid(), 9)"
    parts = [Part("kafka", [sys.executable, "-c", code], os.environ, wait_ready=never, critical=True)]

    with pytest.raises(SupervisorError, match="kafka did not start: signal SIGKILL"):
        await Supervisor(parts, screen.lines, policy=QUICK).run()

    assert screen.text.count("starts again") == QUICK.alarm_after - 1


async def test_a_critical_part_that_is_never_ready_stops_the_start(screen: Screen, tmp_path: Path) -> None:
    """A part that runs but does not become ready in time fails the first start."""
    never, command = ready_when(tmp_path / "never"), [sys.executable, "-c", STAYS]
    mute = Part("kafka", command, os.environ, wait_ready=never, start_seconds=0.3, critical=True)
    supervisor = Supervisor([mute], screen.lines)

    with pytest.raises(SupervisorError, match="kafka did not start: "):
        await supervisor.run()


async def test_an_error_without_a_text_is_an_error(screen: Screen) -> None:
    """A readiness check that raises something silent does not count as ready."""

    async def wait_ready(_timeout: float) -> None:
        raise TimeoutError

    silent = Part("sink", [sys.executable, "-c", STAYS], os.environ, wait_ready=wait_ready, critical=True)
    supervisor = Supervisor([silent], screen.lines)

    with pytest.raises(SupervisorError, match="sink did not start: its readiness check ended with TimeoutError"):
        await supervisor.run()


async def test_a_command_that_does_not_exist_is_named(screen: Screen) -> None:
    """A missing program is one clear line."""
    supervisor = Supervisor([Part("kafka", ["/nowhere/java"], os.environ, critical=True)], screen.lines)

    with pytest.raises(SupervisorError, match="kafka did not start: it could not be started: /nowhere/java: No such"):
        await supervisor.run()
