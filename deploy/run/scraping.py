"""Where the metrics of a system on this machine are: ports for its parts, and a file by which Prometheus finds them.

`DIR/metrics/*.json` are files for Prometheus' `file_sd_configs`: one of `up`, one of each replay that runs.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Final

from deploy.local.resources import LOOPBACK, free_port, is_free, reserve_port
from schemas.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["BIND", "SUPERVISOR", "TARGETS", "announced", "choose_binds", "targets_file", "targets_of"]

BIND: Final = f"{PREFIX}METRICS_BIND"
TARGETS: Final = f"{PREFIX}METRICS_TARGETS"
SUPERVISOR: Final = "supervisor"

_TRIES: Final = 50


def targets_of(value: str) -> dict[str, str]:
    """The addresses by part that a text PART=HOST:PORT,… has; what is none is left out."""
    pairs = (entry.partition("=") for entry in value.split(","))
    return {part: address for part, _, address in pairs if address.rpartition(":")[2].isdecimal()}


def choose_binds(parts: Iterable[str], before: Mapping[str, str] | None = None, host: str = LOOPBACK) -> dict[str, str]:
    """An address for each part: that of `before` where it is free still, else a free one.

    They are kept from other systems of this user that start at the same time, for as long as this process runs.
    """
    return {part: _bind((before or {}).get(part, ""), host) for part in parts}


def _bind(before: str, host: str) -> str:
    port = before.rpartition(":")[2]
    if port and is_free(int(port)) and reserve_port(int(port)) is not None:
        return before
    for _ in range(_TRIES):
        # The lock is held as long as this process runs.
        if reserve_port(chosen := free_port()) is not None:
            return f"{host}:{chosen}"
    return f"{host}:{free_port()}"


def targets_file(data: Path, name: str) -> Path:
    """Where a system with this data directory tells Prometheus of some parts."""
    return data / "metrics" / f"{name}.json"


@contextlib.contextmanager
def announced(file: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Tell Prometheus of parts at these addresses for a while. Raises OSError where the file cannot be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = [
        {"targets": [address], "labels": {"job": "telemetry", "process": part}} for part, address in addresses.items()
    ]
    new = file.with_suffix(".new")
    new.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    os.replace(new, file)  # noqa: PTH105 - it takes the place of what is there
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
