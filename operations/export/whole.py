"""A directory that is filled as a whole, by one process, whatever dies meanwhile.

One that is not there is written beside its place, and renamed. One that is there may be a mount, whose place nothing
takes: what is written in it has a name of its own until all is moved up, the page about it last.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Final

from operations.export.errors import ExportError
from operations.stored import sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ABOUT", "whole"]

ABOUT: Final = "README.md"

_UNFINISHED: Final = ".unfinished"


@contextlib.contextmanager
def whole(directory: Path) -> Iterator[Path]:
    """Where to write what is in the directory on leaving; on an error all is gone again.

    Raises ExportError where something is in the way, or somebody else writes there.
    """
    place = directory.resolve()
    try:
        _free(place)
        is_there = place.exists()
        beside = place / _UNFINISHED if is_there else place.with_name(f".{place.name}{_UNFINISHED}")
        beside.parent.mkdir(parents=True, exist_ok=True)
        with _held(beside, place):
            yield beside
            _free(place)
            if is_there:
                for path in sorted(beside.iterdir(), key=lambda path: (path.name == ABOUT, path.name)):
                    path.rename(place / path.name)
                beside.rmdir()
            else:
                beside.rename(place)
            sync_directory(place if is_there else place.parent)
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        message = f"{place} cannot be written: {error.strerror or error}; make room, or name another directory."
        raise ExportError(message) from error


def _free(place: Path) -> None:
    """Raise ExportError where anything is there but what an export left that died."""
    if place.exists() and (not place.is_dir() or any(path.name != _UNFINISHED for path in place.iterdir())):
        message = f"{place} is there and not empty: name a directory that is not there, or remove this one."
        raise ExportError(message)


@contextlib.contextmanager
def _held(beside: Path, place: Path) -> Iterator[None]:
    """Make the directory, or empty it of what a killed process left; it is locked as long as that is written."""
    beside.mkdir(exist_ok=True)
    descriptor = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(place) from error
        # Who held it may have renamed or removed it in between.
        if not beside.exists() or not os.path.samestat(os.fstat(descriptor), beside.stat()):
            raise _taken(place)
        for left in beside.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            yield
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def _taken(place: Path) -> ExportError:
    return ExportError(f"another export writes {place}: wait for it, or name another directory.")
