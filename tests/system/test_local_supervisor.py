"""The supervisor with real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from deploy.run.supervisor import Part, RestartPolicy, Supervisor, SupervisorError
from operations.restart_record import read_record, record_file, restarting
from tests.support.parts import Screen, part
from tests.support.processes import is_alive
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.system

QUICK = RestartPolicy(first_delay=0.01, longest_delay=0.05, healthy_seconds=60, alarm_after=3)

STAYS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
WITH_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('grandchild', child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def screen() -> Screen:
    """A console that remembers."""
    return Screen()


def ready_when(path: Path) -> Callable[[float], Awaitable[None]]:
    """Readiness as the existence of a file."""

    async def wait(timeout: float) -> None:  # noqa: ASYNC109
        await aeventually(_async(path.exists), timeout)

    return wait


async def gone(*pids: int) -> None:
    """Wait until none of the processes is there."""

    async def none_is_alive() -> bool:
        return not any(map(is_alive, pids))

    await aeventually(none_is_alive, 10)


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
    supervisor = Supervisor(parts, screen.console)

    async def then() -> None:
        supervisor.stop()

    await supervisor.run(then)

    assert order.read_text() == "ab"


async def test_a_start_is_not_silent(screen: Screen, tmp_path: Path) -> None:
    """Each part is named as it starts and again as it is ready, before what follows the start begins."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-c", f"import time; open({str(ready)!r}, 'w'); time.sleep(600)"]
    slow = Part("kafka", command, os.environ, wait_ready=ready_when(ready), critical=True)
    supervisor = Supervisor([slow, part("sink", STAYS)], screen.console)
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
    supervisor = Supervisor(parts, screen.console)
    running: list[str] = []

    async def then() -> None:
        running.extend(supervisor.pids)
        supervisor.stop()

    await supervisor.run(then)

    assert sorted(running) == ["a", "b"]


async def test_every_part_has_ended_after_a_run(screen: Screen) -> None:
    """No child and no grandchild is left when `run` returns."""
    supervisor = Supervisor([part("one", STAYS), part("two", WITH_CHILD)], screen.console)
    pids: list[int] = []

    async def then() -> None:
        await aeventually(_async(lambda: "grandchild" in screen.text))
        pids.extend(supervisor.pids.values())
        pids.append(int(screen.text.split("grandchild")[1].split()[0]))
        supervisor.stop()

    await supervisor.run(then)

    assert len(pids) == 3
    assert not any(map(is_alive, pids))


async def test_lines_carry_the_name_of_their_part(screen: Screen) -> None:
    """Output of a part, also an unfinished last line and bytes that are no text, comes out behind its name."""
    code = "import os, time; os.write(1, b'one [bold]two\\xff\\nrest'); os.write(2, b' of it\\n'); time.sleep(600)"
    supervisor = Supervisor([part("gateway", code)], screen.console)

    async def then() -> None:
        await aeventually(_async(lambda: "rest of it" in screen.text))
        supervisor.stop()

    await supervisor.run(then)

    lines = [line.strip() for line in screen.text.splitlines() if "supervisor" not in line]
    assert lines == ["gateway │ one [bold]two\ufffd", "gateway │ rest of it"]


async def test_a_killed_part_starts_again(screen: Screen) -> None:
    """After SIGKILL the part runs again under another process id, and the screen says why."""
    supervisor = Supervisor([part("worker", STAYS)], screen.console, QUICK)

    async def then() -> None:
        await aeventually(_async(lambda: "│ ready" in screen.text))
        before = supervisor.pids["worker"]
        os.kill(before, signal.SIGKILL)
        await aeventually(_async(lambda: screen.text.count("│ ready") > 1 and supervisor.pids["worker"] != before))
        supervisor.stop()

    await supervisor.run(then)

    assert "worker ended and starts again in 0.01 s: signal SIGKILL; its last line: ready" in screen.text


async def test_children_of_a_killed_part_end_with_it(screen: Screen) -> None:
    """What a killed part leaves behind is ended before the part starts again."""
    supervisor = Supervisor([part("worker", WITH_CHILD)], screen.console, QUICK)

    async def then() -> None:
        await aeventually(_async(lambda: "grandchild" in screen.text))
        grandchild = int(screen.text.split("grandchild")[1].split()[0])
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await gone(grandchild)
        supervisor.stop()

    await supervisor.run(then)


async def test_a_part_that_keeps_ending_is_reported_and_tried_on(screen: Screen) -> None:
    """A part that is not critical and ends again and again is named with its last words, and the others stay."""
    failing = part("sink", "print('no such table'); raise SystemExit(3)")
    supervisor = Supervisor([part("worker", STAYS), failing], screen.console, QUICK)

    async def then() -> None:
        await aeventually(_async(lambda: "sink ended 5 times in a row" in screen.text))
        assert is_alive(supervisor.pids["worker"])
        supervisor.stop()

    await supervisor.run(then)

    assert "sink ended 3 times in a row, next try in 0.04 s: exit code 3; its last line: no such table" in screen.text


async def test_a_critical_part_that_keeps_ending_is_tried_on(screen: Screen) -> None:
    """What was up once is started again for ever: a disk that is full for minutes must not end the others."""
    failing = part("kafka", "print('disk full'); raise SystemExit(1)", critical=True)
    parts = [part("worker", STAYS), failing]
    supervisor = Supervisor(parts, screen.console, QUICK)

    async def then() -> None:
        await aeventually(_async(lambda: "kafka ended 5 times in a row" in screen.text))
        assert is_alive(supervisor.pids["worker"])
        supervisor.stop()

    await supervisor.run(then)

    assert "next try in 0.05 s: exit code 1; its last line: disk full" in screen.text


async def test_a_critical_part_that_ends_while_starting_stops_the_start(screen: Screen, tmp_path: Path) -> None:
    """The first start fails with the part's name, exit code and last line, and nothing stays behind."""
    broken = Part(
        "kafka",
        [sys.executable, "-c", "print('port in use'); raise SystemExit(1)"],
        os.environ,
        wait_ready=ready_when(tmp_path / "never"),
        critical=True,
    )
    supervisor = Supervisor([part("clickhouse", STAYS), broken], screen.console)

    with pytest.raises(SupervisorError, match="kafka did not start: exit code 1; its last line: port in use"):
        await supervisor.run()

    assert supervisor.pids == {}


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
    supervisor = Supervisor(parts, screen.console, QUICK)

    async def then() -> None:
        supervisor.stop()

    await supervisor.run(then)

    assert "kafka ended while it started and starts again in 0.01 s: signal SIGKILL" in screen.text


async def test_a_critical_part_that_is_killed_whenever_it_starts_stops_the_start(
    screen: Screen, tmp_path: Path
) -> None:
    """After as many ends as are alarming."""
    never, code = ready_when(tmp_path / "never"), "import os; os.kill(os.getpid(), 9)"
    parts = [Part("kafka", [sys.executable, "-c", code], os.environ, wait_ready=never, critical=True)]

    with pytest.raises(SupervisorError, match="kafka did not start: signal SIGKILL"):
        await Supervisor(parts, screen.console, QUICK).run()

    assert screen.text.count("starts again") == QUICK.alarm_after - 1


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit(70)", STAYS])
async def test_a_part_that_does_not_start_leaves_the_others_up(screen: Screen, tmp_path: Path, code: str) -> None:
    """However often it is killed, ends or is not ready: the start goes on without it, and it is tried on."""
    never = ready_when(tmp_path / "never")
    worker = Part("worker", [sys.executable, "-c", code], os.environ, wait_ready=never, start_seconds=0.3)
    supervisor = Supervisor(
        [part("kafka", STAYS, critical=True), worker, part("gateway", STAYS)], screen.console, QUICK
    )

    async def then() -> None:
        await aeventually(_async(lambda: "worker ended 6 times in a row" in screen.text))
        assert is_alive(supervisor.pids["kafka"])
        assert is_alive(supervisor.pids["gateway"])
        supervisor.stop()

    await supervisor.run(then)


async def test_a_command_that_is_gone_leaves_the_others_up(screen: Screen, tmp_path: Path) -> None:
    """A part that cannot be started again is told and tried on, until it can be."""
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nimport time; print('up', flush=True); time.sleep(600)\n")
    program.chmod(0o755)
    supervisor = Supervisor([Part("worker", [str(program)], os.environ), part("sink", STAYS)], screen.console, QUICK)

    async def then() -> None:
        await aeventually(_async(lambda: screen.text.count("│ up") == 1))
        away = program.rename(tmp_path / "away")
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await aeventually(_async(lambda: f"it could not be started: {program}: No such file" in screen.text))
        assert is_alive(supervisor.pids["sink"])
        away.rename(program)
        await aeventually(_async(lambda: screen.text.count("│ up") == 2))
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
    supervisor = Supervisor([part("worker", code)], Broken().console, QUICK)

    async def then() -> None:
        for times in (1, 2, 3):
            await aeventually(_async(lambda: started.exists() and len(started.read_text()) == times))  # noqa: B023
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
        [worker, part("sink", STAYS)], screen.console, RestartPolicy(first_delay=0.5), record=record
    )

    async def then() -> None:
        await aeventually(_async(lambda: restarting(tmp_path, time.time()) == {}))
        os.kill(supervisor.pids["worker"], signal.SIGKILL)
        await aeventually(
            _async(lambda: restarting(tmp_path, time.time()) == {"worker": "ended again: signal SIGKILL"})
        )
        assert not ready.exists()
        await aeventually(_async(lambda: read_record(tmp_path)["worker"].state == "running"))
        supervisor.stop()

    await supervisor.run(then)

    assert not record.exists()


async def test_a_critical_part_that_is_never_ready_stops_the_start(screen: Screen, tmp_path: Path) -> None:
    """A part that runs but does not become ready in time fails the first start."""
    never, command = ready_when(tmp_path / "never"), [sys.executable, "-c", STAYS]
    mute = Part("kafka", command, os.environ, wait_ready=never, start_seconds=0.3, critical=True)
    supervisor = Supervisor([mute], screen.console)

    with pytest.raises(SupervisorError, match="kafka did not start: "):
        await supervisor.run()


async def test_an_error_without_a_text_is_an_error(screen: Screen) -> None:
    """A readiness check that raises something silent does not count as ready."""

    async def wait_ready(_timeout: float) -> None:
        raise TimeoutError

    silent = Part("sink", [sys.executable, "-c", STAYS], os.environ, wait_ready=wait_ready, critical=True)
    supervisor = Supervisor([silent], screen.console)

    with pytest.raises(SupervisorError, match="sink did not start: its readiness check ended with TimeoutError"):
        await supervisor.run()


async def test_a_command_that_does_not_exist_is_named(screen: Screen) -> None:
    """A missing program is one clear line."""
    supervisor = Supervisor([Part("kafka", ["/nowhere/java"], os.environ, critical=True)], screen.console)

    with pytest.raises(SupervisorError, match="kafka did not start: it could not be started: /nowhere/java: No such"):
        await supervisor.run()


async def test_a_part_that_ignores_sigterm_is_killed(screen: Screen) -> None:
    """A stubborn part is ended by force after its time, and that is said."""
    supervisor = Supervisor([part("worker", STUBBORN, stop_seconds=0.3)], screen.console)
    pids: list[int] = []

    async def then() -> None:
        await aeventually(_async(lambda: "│ ready" in screen.text))
        pids.extend(supervisor.pids.values())
        supervisor.stop()

    await supervisor.run(then)

    assert "worker had to be killed" in screen.text
    assert not any(map(is_alive, pids))


async def test_a_frozen_part_is_killed_too(screen: Screen) -> None:
    """SIGSTOP does not keep a part alive past the end of the run."""
    supervisor = Supervisor([part("worker", STAYS, stop_seconds=0.3)], screen.console)
    pids: list[int] = []

    async def then() -> None:
        pids.extend(supervisor.pids.values())
        os.kill(pids[0], signal.SIGSTOP)
        supervisor.stop()

    await supervisor.run(then)

    assert not any(map(is_alive, pids))


async def test_an_error_of_the_following_work_stops_everything(screen: Screen) -> None:
    """What `then` raises comes out of `run` after the parts have ended."""
    supervisor = Supervisor([part("worker", STAYS)], screen.console)
    pids: list[int] = []

    async def then() -> None:
        pids.extend(supervisor.pids.values())
        raise KeyError("demo")  # noqa: EM101

    with pytest.raises(KeyError, match="demo"):
        await supervisor.run(then)

    assert not any(map(is_alive, pids))


def _async(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def call() -> bool:
        await asyncio.sleep(0)
        return condition()

    return call
