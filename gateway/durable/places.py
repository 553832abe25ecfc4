"""Where the spools of a gateway's processes are, and how one takes over from a process that is no more."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from gateway.durable.spool import SpooledRecords
from gateway.durable.spool_files import (
    DAMAGED,
    SEGMENT,
    lock_spool,
    read_segment,
    require_known_segments,
    sync_directory,
)
from gateway.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["count_damaged", "locked", "oldest_spooled", "spool_of", "take_over"]

_PREFIX: Final = "process-"


def spool_of(root: Path, number: int, processes: int) -> Path:
    """The directory of a process, numbered from 1; a gateway of one process has the root itself."""
    return root if processes == 1 else root / f"{_PREFIX}{number}"


def count_damaged(root: Path) -> int:
    """How many files of damaged segments are kept aside in all spools of a gateway."""
    return sum(1 for place in (root, *_numbered(root).values()) for _ in place.glob(f"*{DAMAGED}"))


def oldest_spooled(root: Path) -> int | None:
    """When the oldest webhook arrived that waits in any spool of a gateway, in milliseconds; None where none does.

    That of each spool is in its first file that can be read.
    """
    arrivals = (_oldest(place) for place in (root, *_numbered(root).values()))
    return min((arrival for arrival in arrivals if arrival is not None), default=None)


def _oldest(place: Path) -> int | None:
    for path in sorted(place.glob(f"*{SEGMENT}")):
        # One that is being drained may go meanwhile.
        with contextlib.suppress(OSError, ValueError):
            if waiting := SpooledRecords(read_segment(path)).records:
                return waiting[0].timestamp
    return None


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a spool's directory for a while, as lock_spool does.

    A child that is forked meanwhile holds it as well, until its own end.
    """
    lock = lock_spool(directory)
    try:
        yield
    finally:
        os.close(lock)


def take_over(root: Path, processes: int) -> int:
    """Move what is in spools that no process of this gateway has any more to its first one; returns how many files.

    To be called before any of its processes opens its spool. Each file is moved by itself and keeps what it holds, so
    whoever is killed in between leaves the rest to the next start. A segment that was drained in part may be sent again
    from its beginning: the worker knows the receipts. Raises SpoolError where a spool is in use or cannot be moved, and
    NewerFormatError where one is of a newer release.
    """
    places = _numbered(root)
    target = spool_of(root, 1, processes)
    left = [place for number, place in sorted(places.items()) if processes == 1 or number > processes]
    if processes > 1:
        left.insert(0, root)
    for place in (target, *left):
        require_known_segments(place)
    moved = 0
    for place in left:
        if not _files(place):
            continue
        with contextlib.ExitStack() as held:
            # The root's is held by whoever calls, if there are several processes.
            if place != root:
                held.enter_context(locked(place))
            held.enter_context(locked(target))
            moved += _move(place, target)
    return moved


def _numbered(root: Path) -> dict[int, Path]:
    found = root.glob(f"{_PREFIX}*")
    return {int(number): place for place in found if (number := place.name.removeprefix(_PREFIX)).isdigit()}


def _files(place: Path) -> list[Path]:
    found = (*place.glob(f"*{SEGMENT}"), *place.glob(f"*{DAMAGED}"))
    return sorted(path for path in found if path.stem.isdigit())


def _move(place: Path, target: Path) -> int:
    last = max((int(path.stem) for path in _files(target)), default=0)
    files = _files(place)
    try:
        for number, path in enumerate(files, last + 1):
            path.rename(target / f"{number:012}{path.suffix}")
        for directory in (target, place):
            sync_directory(directory)
    except OSError as error:
        message = f"cannot move the spool {place} to {target}: {error.strerror}. Mend that or set TELEMETRY_SPOOL."
        raise SpoolError(message) from error
    return len(files)
