"""`up` as a person starts it: a system in a directory, asked over HTTP and by a shell."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.local.resources import free_port
from schemas.settings import PREFIX
from tests.support.plain_http import PLAIN
from tests.support.processes import Processes
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Child

__all__ = ["CALLER", "COMMAND", "PARTS", "System", "alone", "command_line", "descendants", "document", "environment"]

COMMAND = [sys.executable, "-m", "deploy.cli", "up", "--data"]

_END_SECONDS = 60

# The fixture takes the PATH apart; the README's reader has curl on it.
CALLER = dict(os.environ)

# What the command line of each part's process contains.
PARTS = {
    "kafka": "kafka.Kafka",
    "clickhouse": "deploy.local.clickhouse",
    "worker-1": "deploy.cli worker",
    "sink": "deploy.cli sink",
    "gateway": "deploy.cli gateway",
}


def environment() -> dict[str, str]:
    """This process's environment without settings and without any Java."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "JAVA"))}
    directories = kept.get("PATH", "").split(os.pathsep)
    kept["PATH"] = os.pathsep.join(name for name in directories if not (Path(name) / "java").exists())
    return kept


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    try:
        children = [
            int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return children + [below for child in children for below in descendants(child)]


def command_line(pid: int) -> str:
    """How a process was started; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@dataclass
class System:
    """A system on one directory, started and stopped as from a terminal."""

    directory: Path
    processes: Processes
    env: dict[str, str]
    child: Child = field(init=False)

    def start(self, *options: str, until: str) -> None:
        """Start it and wait until it has said something."""
        self.child = self.processes.start([*COMMAND, str(self.directory), *options], self.env, self.directory.parent)
        self.child.says(until, 240)

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code; raises subprocess.TimeoutExpired if it does not end.

        How long it may take is for tests/system/test_local_supervisor_end.py: this machine may be busy.
        """
        self.child.signal(signal.SIGINT)
        return self.child.process.wait(_END_SECONDS)

    def pid(self, part: str) -> int:
        """The process of a part; raises LookupError while there is none."""
        found = [pid for pid in descendants(self.child.pid) if PARTS[part] in command_line(pid)]
        if not found:
            message = f"{part} does not run"
            raise LookupError(message)
        return found[0]

    @property
    def addresses(self) -> dict[str, str]:
        """What DIR/env sets."""
        lines = (self.directory / "env").read_text().splitlines()
        return dict(shlex.split(line)[0].split("=", 1) for line in lines if not line.startswith("unset "))

    def sql(self, query: str, **parameters: object) -> str:
        """The answer of ClickHouse over plain HTTP; parameters stand in the query as `{name:Type}`."""
        named = {f"param_{name}": str(value) for name, value in parameters.items()}
        answer = httpx.post(
            self.addresses["TELEMETRY_CLICKHOUSE"], params=named, content=query, timeout=30, verify=PLAIN
        )
        assert answer.is_success, answer.text
        return answer.text.strip()

    def shell(self, command: str) -> str:
        """What a shell in the directory above the system's prints."""
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.directory.parent, env=CALLER, capture_output=True, check=True
        )
        return done.stdout.decode()

    def post(self, document: dict[str, Any]) -> str:
        """The gateway's answer to a document."""
        answer = httpx.post(
            f"{self.addresses['TELEMETRY_GATEWAY_URL']}/v1/assignment/me/telemetry",
            json=document,
            headers={"Authorization": f"Token {self.addresses['TELEMETRY_TOKEN']}"},
            timeout=30,
            verify=PLAIN,
        )
        return f"{answer.status_code} {answer.text}"

    def post_and_see(self, student: int) -> None:
        """Post a document of a new student and wait until both of its compilations can be counted."""
        eventually(lambda: self.post(document(student)) == "200 ok", 120, "the gateway's `ok`")
        eventually(lambda: self.compilations(student) == 2, 240, "both compilations by SQL")

    def compilations(self, student: int) -> int:
        """How many compilations of a student there are."""
        query = "SELECT count() FROM telemetry.events WHERE user_id = {student:UInt64} AND event = 'compile'"
        return int(self.sql(query, student=student))


def document(student: int) -> dict[str, Any]:
    """A small document with two compilations."""
    start = 1_772_438_400_000
    compilations = [
        {"started_at": start + 5_000, "ended_at": start + 6_000, "exit_code": 1},
        {"started_at": start + 9_000, "ended_at": start + 9_500, "exit_code": 0},
    ]
    step = {"slug": "00", "position": 0, "opened_at": start, "compilations": compilations, "tests": []}
    return {
        "telemetry_id": f"run-of-{student}",
        "user_id": student,
        "slug": "lists",
        "tutorial_started_at": start,
        "last_interaction_at": start + 9_500,
        "steps": [step],
        "workout_session": [{"started_at": start}],
    }


@contextlib.contextmanager
def alone(directory: Path, **settings: str) -> Iterator[System]:
    """A system that is not started yet, on a machine without Java and with these settings alone; it is ended after."""
    env = environment()
    assert shutil.which("java", path=env["PATH"]) is None
    own = {"GATEWAY_BIND": f"127.0.0.1:{free_port()}", **settings}
    processes = Processes(directory)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - env.keys():
            patch.delenv(name)
        patch.setenv("PATH", env["PATH"])
        system = System(directory / ".telemetry", processes, {f"{PREFIX}{name}": value for name, value in own.items()})
        try:
            yield system
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired, AttributeError):
                # Without a child it was never started, or by somebody else.
                system.interrupt()
            processes.end_all()
