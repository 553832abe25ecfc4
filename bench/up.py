"""The whole system as `up` runs it, for a measurement: started in a directory, and what each of its parts costs."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PARTS", "Timed", "part_of", "processor_seconds", "system", "timed"]

PARTS: Final = ("gateway", "worker", "sink", "Kafka", "ClickHouse", "supervisor")

_START_SECONDS: Final = 180
_STOP_SECONDS: Final = 60
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def system(directory: Path, **settings: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Run `up` in a directory; yields its process id and the environment for its commands once it is ready.

    `settings` are its environment variables beside the caller's own, of which it takes none of the project's. Raises
    SystemExit if it does not become ready.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "up", "--data", str(directory)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("TELEMETRY_")} | settings,
    )
    try:
        yield process.pid, _environment(directory / "env", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)


def _environment(file: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists():
            pairs = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
            env = {name: value.strip("'\"") for name, _, value in pairs}
            # A file that is being written may not have the address yet.
            with contextlib.suppress(httpx.HTTPError, KeyError):
                if httpx.get(f"{env['TELEMETRY_GATEWAY_URL']}/health/ready", trust_env=False).is_success:
                    return env
        time.sleep(0.1)
    message = "the system did not become ready; try `learnpack-telemetry up` by hand"
    raise SystemExit(message)


class Timed(NamedTuple):
    """A command that has come to its end: seconds, seconds of processor time, the most MiB so far, what it wrote."""

    took: float
    used: float
    most: int
    wrote: str


def timed(env: dict[str, str], *command: str) -> Timed:
    """Run a command of the project, as its user waits for it; raises SystemExit with what it wrote where it fails.

    The most memory is that of any command so far: the kernel keeps no other.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *command], env=env, capture_output=True, text=True, check=False
    )
    took, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Timed(took, seconds, used.ru_maxrss >> 10, done.stdout)


def processor_seconds(root: int) -> dict[str, float]:
    """What the processes below `root`, and it, have used of the processors, by the part that they belong to."""
    found = dict.fromkeys(PARTS, 0.0)
    for pid in _family(root):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            found[part_of(arguments)] += _used(pid)
    return found


def part_of(arguments: list[str]) -> str:
    """The part that a process with this command line is."""
    if "kafka.Kafka" in arguments:
        return "Kafka"
    if "deploy.local.clickhouse" in arguments:
        return "ClickHouse"
    # Processes that a part starts have its name among their arguments, too.
    return next((part for part in ("gateway", "worker", "sink") if part in arguments), "supervisor")


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
