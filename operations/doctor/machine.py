"""Checks of this machine: versions of libraries, directories, disks."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from operations.descriptors import LEAST, allowed
from operations.doctor.findings import failed, good, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_machine"]

_PART: Final = "machine"
_LEAST_FREE: Final = 2 << 30
# An earlier one loses records around a rebalance.
_FAUST: Final = (0, 15, 2)


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Check what needs no connection."""
    faust = version("faust-streaming")
    detail = f"Python {platform.python_version()}, faust-streaming {faust}, aiokafka {version('aiokafka')}"
    if tuple(int(part) for part in faust.split(".")[:3] if part.isdigit()) < _FAUST:
        least = ".".join(map(str, _FAUST))
        yield failed(_PART, "versions", detail, f"Install faust-streaming {least} or newer.")
    else:
        yield good(_PART, "versions", detail)
    yield _descriptors()
    yield _directory("data", settings.data, "TELEMETRY_DATA")
    yield _directory("spool", settings.spool, "TELEMETRY_SPOOL")
    if settings.auth == "open":
        mend = "Unset TELEMETRY_AUTH unless the gateway is reached by this machine alone."
        yield warning(_PART, "access", "TELEMETRY_AUTH=open takes webhooks from anybody", mend)


def _descriptors() -> Finding:
    there = allowed()
    if there < LEAST:
        mend = f"Raise the limit (`ulimit -n`) to {LEAST} or more in the shell or the service that starts the parts."
        return failed(_PART, "open files", f"only {there} are allowed", mend)
    return good(_PART, "open files", f"{there:,} are allowed")


def _directory(check: str, directory: Path, variable: str) -> Finding:
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed(_PART, check, f"{existing} cannot be written to", f"Correct its owner or set {variable}.")
    free = shutil.disk_usage(existing).free
    detail = f"{directory} with {free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        return warning(_PART, check, detail, f"Free space or set {variable} to another disk.")
    return good(_PART, check, detail)
