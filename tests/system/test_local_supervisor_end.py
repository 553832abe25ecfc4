"""How a supervisor ends: by a signal, or killed."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.run.guardian import MARK_VARIABLE, marked_processes
from deploy.run.supervisor import Part, Supervisor
from tests.support.processes import is_alive
from tests.support.waiting import aeventually, eventually

if TYPE_CHECKING:
    from deploy.run.listening import Notice
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system

STAYS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
WITH_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('grandchild', child.pid, flush=True)\n"
    "time.sleep(600)\n"
)
POLITE = (
    "import signal, sys, time\n"
    "def end(*_):\n"
    "    print('no more', flush=True); time.sleep(0.7); print('good-bye', flush=True); sys.exit()\n"
    "signal.signal(15, end); print('attentive', flush=True); time.sleep(600)\n"
)

# How long a supervisor that is told to end waits for parts which would have a minute, unless it is told otherwise.
_STOP_SECONDS = 4

SUPERVISED = f"""
import asyncio, os, sys
from rich.console import Console
from deploy.run.lines import AllLines
from deploy.run.supervisor import Part, Supervisor

codes = dict(stays={STAYS!r}, stubborn={STUBBORN!r}, family={WITH_CHILD!r}, polite={POLITE!r})
parts = [Part(name, [sys.executable, "-c", code], os.environ, stop_seconds=60) for name, code in codes.items()]
supervisor = Supervisor(parts, AllLines(Console(width=200)), stop_seconds=float(sys.argv[1]))
async def then():
    print("all started", flush=True)
asyncio.run(supervisor.run(then))
print("in good order", flush=True)
"""


def supervised(processes: Processes, stop_seconds: float = _STOP_SECONDS) -> Child:
    """A supervisor whose parts are as they want to be when signals come."""
    child = processes.start([sys.executable, "-c", SUPERVISED, str(stop_seconds)])
    # What the parts themselves say: the supervisor names each of them as soon as it starts it.
    for said in ("all started", "family │ grandchild", "stubborn │ deaf", "polite │ attentive"):
        child.says(said)
    return child


def family(output: str, supervisor: int) -> list[int]:
    """The marked processes of a supervisor that runs in another process."""
    environ = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    marks = {
        entry.split(b"=")[1].decode()
        for child in environ
        for entry in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if entry.startswith(MARK_VARIABLE.encode())
    }
    # The test run has one, too, which the supervisor's guardian inherits.
    (mark,) = marks - {os.environ[MARK_VARIABLE]}
    found = marked_processes(mark)
    assert len(found) == 5, output
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_within_ten_seconds(processes: Processes, number: int) -> None:
    """Ctrl-C or SIGTERM ends a supervisor and all its parts in its own time, even with one that ignores SIGTERM.

    That is short of ten seconds, of which nothing is measured here: the machine may be busy.
    """
    child = supervised(processes)
    started = family(child.output, child.pid)

    child.signal(number)

    # Long before the minute that each part would have is over.
    assert child.process.wait(45) == 0
    assert inspect.signature(Supervisor).parameters["stop_seconds"].default <= 9
    assert "in good order" in child.output
    assert "stubborn had to be killed" in child.output
    assert not any(map(is_alive, started))


def test_a_second_signal_does_not_wait(processes: Processes) -> None:
    """A Ctrl-C and, later, another one end at once what would have had a minute to end."""
    child = supervised(processes, stop_seconds=60)

    child.signal(signal.SIGINT)
    child.says("no more")

    def hurried() -> bool:
        # Until it is heard, and no later: Python itself hears what comes when the supervisor has ended.
        if "had to be killed" not in child.output:
            child.signal(signal.SIGINT)
            return False
        return child.process.poll() is not None

    eventually(hurried, 40, "the end")
    assert "in good order" in child.output


def test_a_signal_that_comes_twice_at_once_counts_once(processes: Processes) -> None:
    """Ctrl-C reaches the group, and who started the command may pass it on: the parts still end in good order."""
    child = supervised(processes, stop_seconds=9)

    # Frozen, it gets both together, however long this process is kept from sending the second; of one number it would
    # get one.
    child.signal(signal.SIGSTOP)
    child.signal(signal.SIGINT)
    child.signal(signal.SIGTERM)
    child.signal(signal.SIGCONT)

    assert child.process.wait(45) == 0
    assert "good-bye" in child.output


def test_nothing_is_left_of_a_killed_supervisor(processes: Processes) -> None:
    """After SIGKILL to the supervisor its parts and their children end, also one that ignores SIGTERM."""
    child = supervised(processes)
    started = family(child.output, child.pid)

    child.kill()

    eventually(lambda: not any(map(is_alive, started)), 60, "the end of the parts")


# The later one ends when the one before it has been told to, which is told after it elsewhere.
WAITS = (
    "import pathlib, signal, sys, time\n"
    "def end(*_):\n"
    "    while not pathlib.Path({file!r}).exists(): time.sleep(0.02)\n"
    "    sys.exit()\n"
    "signal.signal(15, end); print('waits', flush=True); time.sleep(600)\n"
)
TELLS = (
    "import pathlib, signal, sys, time\n"
    "def end(*_): pathlib.Path({file!r}).touch(); sys.exit()\n"
    "signal.signal(15, end); print('tells', flush=True); time.sleep(600)\n"
)


def test_parts_that_need_each_other_end_together(tmp_path: Path) -> None:
    """As brokers do, of which the last one would wait for the others in vain."""
    file, heard, notices = str(tmp_path / "told"), set[str](), list[str]()

    class Listener:
        def wrote(self, _part: str, line: str) -> None:
            heard.add(line)

        def told(self, notice: Notice) -> None:
            notices.append(notice.text)

    codes = (("tells", TELLS, False), ("waits", WAITS, True))
    parts = [
        Part(name, [sys.executable, "-c", code.format(file=file)], os.environ, stop_seconds=60, ends_together=together)
        for name, code, together in codes
    ]
    supervisor = Supervisor(parts, Listener(), stop_seconds=60)

    async def both_listen() -> None:
        async def said() -> bool:
            return heard >= {"tells", "waits"}

        await aeventually(said, 60, "both parts")
        supervisor.stop()

    asyncio.run(supervisor.run(both_listen))

    assert Path(file).exists()
    assert not [text for text in notices if "had to be killed" in text]
