"""Several processes of one part: real ones, which do next to nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Processes, is_alive
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.processes import Child

# Each process writes its number and id to a file, says that it is ready, and waits for its signal.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from deploy.run.forked import Forks
from deploy.run.restarts import RestartPolicy

home = Path(sys.argv[1])

def work(fork):
    assert len(os.listdir("/proc/self/task")) == 1
    {before}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
    (home / f"{{fork.number}}.pid").write_text(str(os.getpid()))
    fork.tell_ready()
    # Not `signal.pause`: a signal that comes just before it would be waited for once more.
    while True:
        time.sleep(0.05)

def say(text):
    print(text, flush=True)

forks = Forks("part", 2, work, all_ready=lambda: say("all ready"), none_ready=lambda: say("none ready"),
              ended=lambda number: say(f"ended {{number}}"),
              policy=RestartPolicy(first_delay=0.01, longest_delay=0.01), patience={patience})
code = forks.run(lambda: say("closing"))
say(f"code {{code}}")
sys.exit(code)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Whatever is started ends with the test."""
    running = Processes(tmp_path)
    yield running
    running.end_all()


def program(processes: Processes, before: str = "pass", code: int = 0, patience: float = 60) -> Child:
    """Two processes of a part, under the one that runs them."""
    text = textwrap.dedent(PROGRAM).format(before=before, code=code, patience=patience)
    return processes.start([sys.executable, "-c", text, str(processes.directory)])


def pid(processes: Processes, number: int, not_: int = 0) -> int:
    """The id of a process of a number, another one than `not_`."""
    path = processes.directory / f"{number}.pid"

    def known() -> int:
        text = path.read_text() if path.exists() else ""
        return int(text) if text and int(text) != not_ else 0

    return eventually(known, 30, f"process {number} in place of {not_}")


def test_all_are_told_to_end_and_end(processes: Processes) -> None:
    """Ready is said once all are; SIGTERM reaches each of them, after what they share is closed."""
    parent = program(processes)
    parent.says("all ready")
    both = [pid(processes, 1), pid(processes, 2)]

    assert parent.terminate() == 0

    assert not any(map(is_alive, both))
    assert parent.output.index("closing") < parent.output.index("ended")
    assert parent.output.endswith("code 0\n")


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (40, "SIGRTMIN+6")])
def test_one_that_is_killed_is_started_again_and_the_other_goes_on(
    processes: Processes, number: int, name: str
) -> None:
    """With its number, whatever the signal; all are ready again then."""
    parent = program(processes)
    parent.says("all ready")
    first, second = pid(processes, 1), pid(processes, 2)

    os.kill(second, number)
    again = pid(processes, 2, not_=second)
    eventually(lambda: parent.output.count("all ready") == 2, 30, "all ready again")

    assert is_alive(first)
    assert is_alive(again)
    (told,) = [line for line in parent.output.splitlines() if "a process ended and starts again" in line]
    assert "which='2 of 2'" in told
    assert name in told
    assert "none ready" not in parent.output
    assert parent.terminate() == 0


def test_one_that_cannot_start_ends_all(processes: Processes) -> None:
    """In a line that says which one and how; the exit code is 1."""
    parent = program(processes, before="fork.number == 2 and sys.exit(3)")

    parent.says("a process could not start")
    assert parent.process.wait(30) == 1
    assert "how='exit code 3'" in parent.output
    assert "which='2 of 2'" in parent.output
    assert "all ready" not in parent.output


def test_one_that_ends_badly_is_told_by_the_exit_code(processes: Processes) -> None:
    """As it would be if it were the only one."""
    parent = program(processes, code=5)
    parent.says("all ready")

    assert parent.terminate() == 1


def test_none_outlives_the_one_that_runs_them(processes: Processes) -> None:
    """Not even one that hangs, when that one is killed."""
    parent = program(processes)
    parent.says("all ready")
    both = [pid(processes, 1), pid(processes, 2)]
    os.kill(both[1], signal.SIGSTOP)

    parent.kill()

    eventually(lambda: not any(map(is_alive, both)), 30, "their end")


def test_one_that_is_orphaned_before_the_kernel_knows_ends_by_itself(processes: Processes) -> None:
    """It asks who its parent is once the kernel would tell it."""
    code = "from deploy.run.forked import _die_with; _die_with(1 << 30); print('lives')"
    orphan = processes.start([sys.executable, "-c", code])

    assert orphan.process.wait(30) == -signal.SIGKILL
    assert "lives" not in orphan.output


def test_one_that_hangs_is_killed_in_the_end(processes: Processes) -> None:
    """SIGTERM does not reach it; the exit code and a line say that it had to be killed."""
    parent = program(processes, patience=0.5)
    parent.says("all ready")
    both = [pid(processes, 1), pid(processes, 2)]
    os.kill(both[1], signal.SIGSTOP)

    assert parent.terminate() == 1

    assert not any(map(is_alive, both))
    told = [line for line in parent.output.splitlines() if "a process does not end and is killed" in line]
    # On a busy machine half a second may be too short for the other one, too.
    assert len([line for line in told if "which='2 of 2'" in line]) == 1


def test_loading_the_gateway_starts_no_thread() -> None:
    """What is loaded before the processes are forked must leave one thread: others would be lost in the children."""
    loaded = "import os, gateway.main, streams.views, deploy.run.gateway_processes"
    code = f"{loaded}; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"
