"""What a data directory takes of its disk, and what is left there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Disk", "disk_of"]

# A directory of a healthy system has thousands of files.
_MOST_FILES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the disk that a directory is on, and what its subdirectories hold; None for one with too many files."""

    total_bytes: int
    free_bytes: int
    taken_bytes: dict[str, int | None]


def disk_of(directory: Path) -> Disk | None:
    """How the disk of a directory stands; None where there is no such directory, or it may not be read. Blocks."""
    try:
        usage = shutil.disk_usage(directory)
        inside = sorted((entry.name, entry.path) for entry in os.scandir(directory) if entry.is_dir())
    except OSError:
        return None
    return Disk(usage.total, usage.free, {name: _size(path) for name, path in inside})


def _size(directory: str) -> int | None:
    """What the files below a directory take on the disk: sparse ones, such as Kafka's indexes, less than their size."""
    total, files, waiting = 0, 0, [directory]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            # What is removed while one looks takes nothing.
            continue
        if files > _MOST_FILES:
            return None
    return total
