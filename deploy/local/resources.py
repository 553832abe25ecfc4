"""What a server needs of the machine before it starts: free ports on the loopback address and space on disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.errors import LocalStackError

__all__ = ["LOOPBACK", "free_port", "is_free", "listens", "require_free_port", "require_space", "reserve_port"]

LOOPBACK: Final = "127.0.0.1"

_LOWEST_PORT: Final = 15_000
_EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL_START: Final = 32_768
_TRIES: Final = 200


def is_free(port: int) -> bool:
    """Whether `port` of the loopback address can be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _ephemeral_start() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_EPHEMERAL_START


def free_port() -> int:
    """Pick a free TCP port on the loopback address, below the kernel's ephemeral range where that leaves room.

    A client that keeps trying to reach a stopped server on an ephemeral port may be given that very port as its own
    and connect to itself, so that the server cannot come back.

    Raises LocalStackError if none was found.
    """
    highest = _ephemeral_start()
    if highest <= _LOWEST_PORT + _TRIES:
        highest = 65_535
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST_PORT, highest)  # noqa: S311 - a port is no secret
        if is_free(port):
            return port
    message = f"No free port found on {LOOPBACK} between {_LOWEST_PORT} and {highest}: stop something that listens."
    raise LocalStackError(message)


def listens(port: int) -> bool:
    """Whether something accepts connections on `port` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def reserve_port(port: int) -> int | None:
    """Take a port that a process will listen on later, so that no other `up` of this user takes it meanwhile.

    Returns the descriptor of a lock, which holds until it is closed or the process ends; None where another has it.
    """
    file = Path(tempfile.gettempdir()) / f"learnpack-telemetry-{os.getuid()}-{port}.lock"
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        # Nothing can be locked there by anybody; then whoever comes second is told when it listens.
        return -1
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None


def require_free_port(port: int, name: str) -> None:
    """Raise LocalStackError if `port` on the loopback address is taken; `name` says who wants it."""
    if not is_free(port):
        message = (
            f"{name} cannot listen on {LOOPBACK}:{port}: the port is in use. Stop what uses it or name another port."
        )
        raise LocalStackError(message)


def require_space(directory: Path, needed: int, name: str) -> None:
    """Raise LocalStackError if the disk of `directory` has fewer than `needed` bytes free; `name` says who asks."""
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        message = (
            f"{name} needs {needed / 1e9:.1f} GB free on the disk of {directory}, but {free / 1e9:.1f} GB are: "
            "free some space or name another directory."
        )
        raise LocalStackError(message)
