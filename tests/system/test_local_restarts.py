"""The supervisor starts again what ends, whatever else fails, and has it on record."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from deploy.run.supervisor import Part, RestartPolicy, Supervisor
from operations.restart_record import read_record, record_file, restarting
from tests.support.parts import QUICK, STAYS, WITH_CHILD, Screen, as_awaitable, gone, part, ready_when
from tests.support.processes import is_alive
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


# The second is one of the real-time signals that Python has no name for.
@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (40, "SIGRTMIN+6")])
async def test_a_killed_part_starts_again(screen: Screen, number: int, name: str) -> None:
    """After any signal the part runs again under another process id, and the screen says why."""
    supervisor = Supervisor([part("worker", STAYS)], screen.lines, policy=QUICK)

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "│ ready" in screen.text))
        before = supervisor.pids["worker"]
        os.kill(before, number)
        await aeventually(
            as_awaitable(lambda: screen.text.count("│ ready") > 1 and supervisor.pids["worker"] != before)
        )
        supervisor.stop()

    await supervisor.run(then)

    assert f"worker ended and starts again in 0.01 s: signal {name}; its last line: ready" in screen.text


async def test_children_of_a_killed_part_end_with_it(screen: Screen) -> None:
    """What a killed part leaves behind is ended before the part starts again."""
    supervisor = Supervisor([part("worker", WITH_CHILD)], screen.lines, policy=QUICK)

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "grandchild" in screen.text))
        grandchild = int(screen.text.split("grandchild")[1].split()[0])
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await gone(grandchild)
        supervisor.stop()

    await supervisor.run(then)


async def test_a_part_that_keeps_ending_is_reported_and_tried_on(screen: Screen) -> None:
    """A part that is not critical and ends again and again is named with its last words, and the others stay."""
    failing = part("sink", "print('no such table'); raise SystemExit(3)")
    supervisor = Supervisor([part("worker", STAYS), failing], screen.lines, policy=QUICK)

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "sink ended 5 times in a row" in screen.text))
        assert is_alive(supervisor.pids["worker"])
        supervisor.stop()

    await supervisor.run(then)

    assert "sink ended 3 times in a row, next try in 0.04 s: exit code 3; its last line: no such table" in screen.text


async def test_a_critical_part_that_keeps_ending_is_tried_on(screen: Screen) -> None:
    """What was up once is started again for ever: a disk that is full for minutes must not end the others."""
    failing = part("kafka", "print('disk full'); raise SystemExit(1)", critical=True)
    parts = [part("worker", STAYS), failing]
    supervisor = Supervisor(parts, screen.lines, policy=QUICK)

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "kafka ended 5 times in a row" in screen.text))
        assert is_alive(supervisor.pids["worker"])
        supervisor.stop()

    await supervisor.run(then)

    assert "next try in 0.05 s: exit code 1; its last line: disk full" in screen.text


async def test_a_part_that_is_killed_while_starting_starts_again(screen: Screen, tmp_path: Path) -> None:
    """A signal says nothing about the part, so the start goes on."""
    killed, ready = tmp_path / "killed", tmp_path / "ready"
    code = (
        "import os, pathlib, time\n"
        f"killed, ready = pathlib.Path({str(killed)!r}), pathlib.Path({str(ready)!r})\n"
        "if killed.exists(): ready.touch(); time.sleep(600)\n"
        "killed.touch(); os.kill(os.getpid(), 9)\n"
    )
    parts = [Part("kafka", [sys.executable, "-c", code], os.environ, wait_ready=ready_when(ready), critical=True)]
    supervisor = Supervisor(parts, screen.lines, policy=QUICK)

    async def then() -> None:
        supervisor.stop()

    await supervisor.run(then)

    assert "kafka ended while it started and starts again in 0.01 s: signal SIGKILL" in screen.text


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit(70)", STAYS])
async def test_a_part_that_does_not_start_leaves_the_others_up(screen: Screen, tmp_path: Path, code: str) -> None:
    """However often it is killed, ends or is not ready: the start goes on without it, and it is tried on."""
    never = ready_when(tmp_path / "never")
    worker = Part("worker", [sys.executable, "-c", code], os.environ, wait_ready=never, start_seconds=0.3)
    supervisor = Supervisor(
        [part("kafka", STAYS, critical=True), worker, part("gateway", STAYS)], screen.lines, policy=QUICK
    )

    async def then() -> None:
        await aeventually(as_awaitable(lambda: "worker ended 6 times in a row" in screen.text))
        assert is_alive(supervisor.pids["kafka"])
        assert is_alive(supervisor.pids["gateway"])
        supervisor.stop()

    await supervisor.run(then)


async def test_a_command_that_is_gone_leaves_the_others_up(screen: Screen, tmp_path: Path) -> None:
    """A part that cannot be started again is told and tried on, until it can be."""
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nimport time; print('up', flush=True); time.sleep(600)\n")
    program.chmod(0o755)
    supervisor = Supervisor(
        [Part("worker", [str(program)], os.environ), part("sink", STAYS)], screen.lines, policy=QUICK
    )

    async def then() -> None:
        await aeventually(as_awaitable(lambda: screen.text.count("│ up") == 1))
        away = program.rename(tmp_path / "away")
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await aeventually(as_awaitable(lambda: f"it could not be started: {program}: No such file" in screen.text))
        assert is_alive(supervisor.pids["sink"])
        away.rename(program)
        await aeventually(as_awaitable(lambda: screen.text.count("│ up") == 2))
        supervisor.stop()

    await supervisor.run(then)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(1), ValueError("closed file")])
async def test_output_that_fails_does_not_reach_supervision(error: BaseException, tmp_path: Path) -> None:
    """A full disk, a reader that has gone (rich then exits) or a closed file, and a killed part starts again."""

    class Broken(Screen):
        def __init__(self) -> None:
            super().__init__()
            self.console.print = self._print  # type: ignore[method-assign]  # as a file of it would fail

        def _print(self, *_objects: object, **_options: object) -> None:
            raise error

    started = tmp_path / "started"
    code = f"import time; open({str(started)!r}, 'a').write('x'); print('ready', flush=True); time.sleep(600)"
    supervisor = Supervisor([part("worker", code)], Broken().lines, policy=QUICK)

    async def then() -> None:
        for times in (1, 2, 3):
            await aeventually(as_awaitable(lambda: started.exists() and len(started.read_text()) == times))  # noqa: B023
            # The process may run before its starter knows of it.
            await aeventually(as_awaitable(lambda: "worker" in supervisor.pids))
            os.kill(supervisor.pids["worker"], signal.SIGKILL)
        supervisor.stop()

    await supervisor.run(then)


async def test_how_parts_are_is_on_record(screen: Screen, tmp_path: Path) -> None:
    """While they run the record says which, how often each has ended and how; what a killed part left is removed."""
    record, ready = record_file(tmp_path), tmp_path / "worker.ready"
    code = f"import time; open({str(ready)!r}, 'w'); time.sleep(600)"
    command = [sys.executable, "-c", code]
    worker = Part("worker", command, os.environ, wait_ready=ready_when(ready), ready_file=ready)
    supervisor = Supervisor(
        [worker, part("sink", STAYS)], screen.lines, policy=RestartPolicy(first_delay=0.5), record=record
    )

    async def then() -> None:
        await aeventually(as_awaitable(lambda: restarting(tmp_path, time.time()) == {}))
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await aeventually(
            as_awaitable(lambda: restarting(tmp_path, time.time()) == {"worker": "ended again: signal SIGKILL"})
        )
        assert not ready.exists()
        await aeventually(as_awaitable(lambda: read_record(tmp_path)["worker"].state == "running"))
        supervisor.stop()

    await supervisor.run(then)

    assert not record.exists()
