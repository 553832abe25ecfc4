"""Which sockets the processes of a gateway hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import free_port
from tests.support.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each process notes how many sockets it has that listen, says that it is ready, and waits for its signal.
PROGRAM = """
import os, signal, socket, sys, time
from pathlib import Path
from deploy.run.gateway_processes import run_processes
from schemas.settings import Settings

home, bind = Path(sys.argv[1]), sys.argv[2]

def listens(descriptor):
    try:
        with socket.socket(fileno=os.dup(descriptor)) as held:
            return bool(held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False

def run(member):
    held = sum(listens(int(name)) for name in os.listdir("/proc/self/fd"))
    (home / f"{member.number}.held").write_text(str(held))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    member.tell_ready()
    # Not `signal.pause`: a signal that comes just before it would be waited for once more.
    while True:
        time.sleep(0.05)

settings = Settings(spool=home / "spool", gateway_bind=bind)
sys.exit(run_processes(settings, 3, run, home / "ready"))
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Whatever is started ends with the test."""
    running = Processes(tmp_path)
    yield running
    running.end_all()


def test_each_process_holds_its_own_socket_alone(processes: Processes) -> None:
    """What ends first takes its socket along: else connections to it would wait for those that end last."""
    bind = f"127.0.0.1:{free_port()}"
    parent = processes.start([sys.executable, "-c", PROGRAM, str(processes.directory), bind])
    parent.says("accepts webhooks")
    held = [(processes.directory / f"{number}.held").read_text() for number in (1, 2, 3)]

    assert parent.terminate() == 0
    assert held == ["1", "1", "1"]
