"""Parts of two releases side by side: what each slot runs, and how one release takes another's place in it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.resources import free_port
from tests.support.commands import as_environment
from tests.support.http_system import UNLIMITED
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

__all__ = ["Fleet", "Release", "Slot", "earlier_release"]

ROOT: Final = Path(__file__).parents[2]
_READY_SECONDS: Final = 180
_END_SECONDS: Final = 30
_SYNC_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Release:
    """A release that can be run: its name, its sources, and the Python that has what they need."""

    name: str
    tree: Path = ROOT
    python: str = sys.executable

    def command(self, *arguments: str) -> list[str]:
        """A command line of it, for its directory."""
        return [self.python, "-m", "deploy.cli", *arguments]


def earlier_release(commit: str, place: Path) -> Release | None:
    """The release of a commit, with an environment as its own lock has it; None where this clone has not the commit.

    Raises subprocess.CalledProcessError where it cannot be installed.
    """
    git = ["git", "-C", str(ROOT)]
    there = subprocess.run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False)
    if there.returncode:
        return None
    packed = subprocess.run([*git, "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(place, filter="data")
    sync = ["uv", "sync", "--locked", "--quiet", "--no-dev", "--project", str(place)]
    subprocess.run(sync, cwd=place, check=True, timeout=_SYNC_SECONDS)
    return Release(commit[:8], place, str(place / ".venv/bin/python"))


@dataclass
class Slot:
    """A place for one part, kept from release to release: its name, and what only it has."""

    name: str
    part: str
    own: dict[str, str]
    arguments: tuple[str, ...] = ()
    release: Release | None = None
    child: Child | None = None


@dataclass
class Fleet:
    """Two gateways, two workers and two sinks on one Kafka and ClickHouse."""

    settings: Settings
    processes: Processes
    directory: Path
    slots: list[Slot] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in (1, 2):
            address = f"127.0.0.1:{free_port()}"
            spool = str(self.directory / f"spool-{number}")
            bind = {"TELEMETRY_GATEWAY_BIND": address, "TELEMETRY_GATEWAY_URL": f"http://{address}"}
            data = ("--data", str(self.directory / f"worker-{number}"))
            self.slots += [
                Slot(f"sink {number}", "sink", {}),
                Slot(f"worker {number}", "worker", {}, data),
                Slot(f"gateway {number}", "gateway", {**UNLIMITED, **bind, "TELEMETRY_SPOOL": spool}),
            ]

    @property
    def addresses(self) -> list[str]:
        """Where the gateways are."""
        return [slot.own["TELEMETRY_GATEWAY_URL"] for slot in self.slots if slot.part == "gateway"]

    def of(self, part: str) -> list[Slot]:
        """The slots of a part."""
        return [slot for slot in self.slots if slot.part == part]

    def run(self, release: Release, *arguments: str) -> str:
        """Run a command of a release to its end; its output. Raises AssertionError where it fails."""
        child = self.processes.start(release.command(*arguments), self._environment(), release.tree)
        code = child.process.wait(_READY_SECONDS)
        assert code == 0, child.output
        return child.output

    def start(self, slot: Slot, release: Release) -> None:
        """Let a release run in a slot that is empty, and wait until it is ready."""
        ready = self.directory / f"{slot.name.replace(' ', '-')}.ready"
        ready.unlink(missing_ok=True)
        command = release.command(slot.part, "--ready-file", str(ready), *slot.arguments)
        slot.child = self.processes.start(command, {**self._environment(), **slot.own}, release.tree)
        slot.release = release
        process = slot.child.process
        eventually(lambda: ready.exists() or process.poll() is not None, _READY_SECONDS, f"{slot.name} ready")
        assert ready.exists(), f"{slot.name} of {release.name}: {slot.child.output}"

    def stop(self, slot: Slot, *, kill: bool = False) -> None:
        """End what runs in a slot: by SIGTERM in good order, or by SIGKILL."""
        assert slot.child is not None
        if kill:
            slot.child.kill()
            return
        code = slot.child.terminate(_END_SECONDS)
        assert code == 0, f"{slot.name} ended with {code}: {slot.child.output}"

    def replace(self, slot: Slot, release: Release, *, kill: bool = False) -> None:
        """Let another release take the place of the one in a slot."""
        self.stop(slot, kill=kill)
        self.start(slot, release)

    def require_running(self) -> None:
        """Raise AssertionError where a part has ended by itself."""
        for slot in self.slots:
            assert slot.child is not None
            assert slot.release is not None
            ended = slot.child.process.poll()
            assert ended is None, f"{slot.name} of {slot.release.name} ended with {ended}: {slot.child.output}"

    def mixture(self) -> str:
        """Which releases run, by part."""
        names = {
            part: "+".join(s.release.name for s in self.of(part) if s.release) for part in ("sink", "worker", "gateway")
        }
        return ", ".join(f"{part}s {found}" for part, found in names.items())

    def _environment(self) -> dict[str, str]:
        return {**as_environment(self.settings), "TELEMETRY_DIRECTORY": self.settings.directory}
