"""Files that are on the disk, whatever dies next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["store", "sync_directory"]


def store(path: Path, pieces: Iterable[bytes], mode: Literal["wb", "xb"] = "wb") -> int:
    """Write a file and wait until it is on the disk; its size. Raises OSError, with `xb` also for one that is there."""
    size = 0
    with path.open(mode) as file:
        for piece in pieces:
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return size


def sync_directory(directory: Path) -> None:
    """Wait until the names in it are on the disk; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
