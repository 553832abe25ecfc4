"""Images and containers by podman, without a daemon and without anything from a registry of images.

The base that the Dockerfile names cannot be pulled everywhere; where it is not there, Debian's own packages make one
that has what is taken of it: `pip` and `/usr/local/bin/python3` of the same Python.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Container", "Podman", "need_podman"]

need_podman: Final = pytest.mark.skipif(
    not all(map(shutil.which, ("podman", "runc", "debootstrap"))),
    reason="needs Debian's packages podman, runc and debootstrap, and to be root",
)

_BASE: Final = "python:3.13-slim"
_DEBIAN: Final = "trixie"
_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
# Limits that a machine grants which is a virtual one itself.
_CONFIGURATION: Final = """
[containers]
default_ulimits = ["nofile=10000:10000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# What a slim image leaves out.
_LEFT_OUT: Final = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")


@dataclass(frozen=True, slots=True)
class Podman:
    """The command, with a configuration of its own."""

    configuration: Path

    @classmethod
    def at(cls, directory: Path) -> Podman:
        """With its configuration in a directory."""
        file = directory / "containers.conf"
        file.write_text(_CONFIGURATION)
        return cls(file)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it to its end; raises AssertionError with what it says where it fails."""
        done = subprocess.run(
            ["podman", *arguments],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **self._variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"podman {arguments}:\n{done.stdout[-4000:]}{done.stderr[-8000:]}"
        return done

    @property
    def _variables(self) -> Mapping[str, str]:
        return {"CONTAINERS_CONF": str(self.configuration), "HOME": "/root"}

    def build(self, dockerfile: Path, tag: str, **arguments: str) -> None:
        """Build an image from the project's directory; the base is made first if it is not there."""
        if self.run("image", "exists", _BASE, check=False).returncode != 0:
            self._make_base()
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        # Docker's own format, for the other has no health checks.
        how = ("--format=docker", "--pull=never", "--network=host", "--layers")
        self.run("build", *how, *given, "--file", str(dockerfile), "--tag", tag, str(ROOT))

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """What podman knows of an image or a container."""
        (told,) = json.loads(self.run(kind, "inspect", name).stdout)
        return dict(told)

    @contextmanager
    def started(
        self, image: str, command: Sequence[str], environment: Mapping[str, str], mounts: Mapping[Path, str], data: str
    ) -> Iterator[Container]:
        """A container on this machine's network, which may write into a volume at `data` alone, for a while."""
        how = ["--detach", "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all"]
        how += ["--security-opt=no-new-privileges", f"--volume={data}"]
        how += [f"--env={name}={value}" for name, value in environment.items()]
        how += [f"--volume={source}:{place}:ro" for source, place in mounts.items()]
        name = self.run("run", *how, image, *command).stdout.strip()
        try:
            yield Container(self, name)
        finally:
            self.run("rm", "--force", "--volumes", "--time=0", name)

    def _make_base(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "root"
            command = ["debootstrap", "--variant=minbase", "--include=python3,ca-certificates", _DEBIAN, str(root)]
            subprocess.run(command, check=True, capture_output=True)
            for folder in _LEFT_OUT:
                shutil.rmtree(root / folder, ignore_errors=True)
            for path in root.rglob("__pycache__"):
                shutil.rmtree(path)
            shutil.copy(_AUTHORITIES, root / _AUTHORITIES.relative_to("/"))
            for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
                marker.unlink()
            local = root / "usr" / "local"
            for link in ("python", "python3"):
                (local / "bin" / link).symlink_to("/usr/bin/python3")
            (packages_of,) = (local / "lib").glob("python3.*/dist-packages")
            subprocess.run(["uv", "pip", "install", "--target", packages_of, "pip"], check=True, capture_output=True)
            shutil.move(packages_of / "bin" / "pip", local / "bin" / "pip")
            (local / "bin" / "pip").write_text(_PIP)
            tar = Path(name) / "root.tar"
            subprocess.run(["tar", "--create", "--file", tar, "--directory", root, "."], check=True)
            self.run("import", "--change", "CMD=python3", str(tar), _BASE)


_PIP: Final = """#!/usr/local/bin/python3
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs, or has run."""

    podman: Podman
    name: str

    @property
    def output(self) -> str:
        """What it has written so far."""
        done = self.podman.run("logs", self.name)
        return done.stdout + done.stderr

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return bool(self.podman.inspect("container", self.name)["State"]["Running"])

    def hears(self, number: int) -> bool:
        """Whether its first process has a handler of a signal, without which the kernel passes that over."""
        pid = self.podman.inspect("container", self.name)["State"]["Pid"]
        (mask,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return bool(int(mask, 16) >> (number - 1) & 1)

    def healthy(self) -> bool:
        """Ask its health check once."""
        return self.podman.run("healthcheck", "run", self.name, check=False).returncode == 0

    @property
    def exit_code(self) -> int:
        """With what it has ended."""
        return int(self.podman.inspect("container", self.name)["State"]["ExitCode"])

    def stop(self) -> int:
        """SIGTERM; its exit code, which is 137 where it has not ended in ten seconds and was killed."""
        self.podman.run("stop", "--time=10", self.name)
        return self.exit_code
