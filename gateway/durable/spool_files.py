"""The spool's files: numbered segments of checksummed frames, and notes: their format, how far the oldest is drained.

A segment begins with a mark of its own, 16 random bytes; a frame is that mark, the payload's length and CRC-32 (4 bytes
each, little-endian) and the payload. What a torn write left behind is no frame, and reading goes on at the next mark.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import SpoolError
from schemas.wire.formats import FIRST, require_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "DAMAGED",
    "SEGMENT",
    "Segment",
    "SpoolFiles",
    "lock_spool",
    "read_segment",
    "require_known_segments",
    "sync_directory",
]

# Of segments, and of the records in them (gateway.durable.spool); see schemas.wire.formats.
_FORMAT: Final = 1
_FORMAT_NAME: Final = "format"

_HEAD: Final = struct.Struct("<II")
_MARK_BYTES: Final = 16
_NOTE: Final = struct.Struct(f"<{_MARK_BYTES}sQ")
_NOTE_NAME: Final = "drained"
# How the names of its files end, after a number.
SEGMENT: Final = ".segment"
DAMAGED: Final = ".damaged"

# Read whole when it is drained, so it bounds the memory that draining takes.
_SEGMENT_BYTES: Final = 16 << 20


class Segment(NamedTuple):
    """A sealed segment: its payloads that are not drained, how many were, and how many bytes are no frames."""

    number: int
    mark: bytes
    payloads: list[bytes]
    drained: int
    damaged_bytes: int


def lock_spool(directory: Path) -> int:
    """Take a spool's directory, made if it is not there, for as long as the returned descriptor is open.

    Raises SpoolError if that fails or another process has it.
    """
    lock = -1
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        if isinstance(error, BlockingIOError):
            message = f"another gateway uses the spool {directory}: give each its own with TELEMETRY_SPOOL."
            raise SpoolError(message) from error
        raise _unusable(directory, error) from error
    return lock


def sync_directory(directory: Path) -> None:
    """Return when the names in a directory are on disk; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(directory: Path, error: OSError) -> SpoolError:
    return SpoolError(f"cannot use the spool {directory}: {error.strerror}. Mend that or set TELEMETRY_SPOOL.")


def require_known_segments(directory: Path) -> None:
    """Raise NewerFormatError where segments that a newer release has written wait in a directory.

    Read by this release they would be no records, and be put aside. Raises OSError.
    """
    if any(directory.glob(f"*{SEGMENT}")):
        found, release = _format_of(directory)
        require_known(f"the spool {directory}", found, _FORMAT, release)


def _format_of(directory: Path) -> tuple[int, str]:
    """The format of a directory's segments, and the release that wrote the note of it, if it says so."""
    try:
        number, _, release = (directory / _FORMAT_NAME).read_text(encoding="utf-8").strip().partition(" ")
    except FileNotFoundError:
        return FIRST, ""
    return (int(number) if number.isdecimal() else FIRST), release


def _note_format(directory: Path) -> None:
    with (directory / _FORMAT_NAME).open("w", encoding="utf-8") as note:
        note.write(f"{_FORMAT}\n")
        note.flush()
        os.fsync(note.fileno())


class SpoolFiles:
    """One process's spool directory; every method blocks and may raise OSError, and one thread at a time calls them.

    Attributes:
        size: Bytes of all segments.
    """

    def __init__(self, directory: Path) -> None:
        self.size = 0
        self._directory = directory
        self._lock = self._file = -1
        self._active = 0
        self._length = self._synced = 0
        self._mark = b""
        self._sealed: list[int] = []

    def open(self) -> int:
        """Take the directory; returns the number of frames that wait in it.

        Raises SpoolError if it cannot be used or another process has it, NewerFormatError if what waits in it is of a
        newer release.
        """
        self._lock = lock_spool(self._directory)
        try:
            require_known_segments(self._directory)
            self._sealed = sorted(int(path.stem) for path in self._directory.glob(f"*{SEGMENT}"))
            # Nor may a number be given twice to what is kept aside.
            aside = (int(path.stem) for path in self._directory.glob(f"*{DAMAGED}") if path.stem.isdigit())
            self._active = max((*self._sealed, *aside), default=0) + 1
            self.size = sum(self._path(number).stat().st_size for number in self._sealed)
            return sum(len(self._read(number).payloads) for number in self._sealed)
        except OSError as error:
            raise _unusable(self._directory, error) from error

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write payloads and wait until the disk has them; if it fails, some of them may be read back all the same."""
        try:
            if self._file < 0:
                self._create()
            data = b"".join(
                field
                for payload in payloads
                for field in (self._mark, _HEAD.pack(len(payload), zlib.crc32(payload)), payload)
            )
            self._write(data)
            os.fdatasync(self._file)
        except OSError:
            # After a failed sync nobody knows what the file holds: the next frames go to another one.
            self._abandon()
            raise
        self._synced = self._length
        if self._length >= _SEGMENT_BYTES:
            self._seal()

    def oldest(self) -> Segment | None:
        """Seal what is being written and read the oldest segment; None if there is none."""
        self._seal()
        return self._read(self._sealed[0]) if self._sealed else None

    def note(self, segment: Segment, drained: int) -> None:
        """Remember that so many of a segment's frames are drained, for a process that takes over."""
        # By its mark, for a later process may give the number to another segment.
        self._note_path.write_bytes(_NOTE.pack(segment.mark, drained))

    def drop(self, segment: Segment) -> None:
        """Delete a drained segment; one with damage is kept aside as `*.damaged`."""
        path = self._path(segment.number)
        self.size -= path.stat().st_size
        if segment.damaged_bytes:
            path.rename(path.with_suffix(DAMAGED))
        else:
            path.unlink()
        self._sealed.remove(segment.number)

    def damaged(self) -> int:
        """How many files of damaged segments are kept aside."""
        return sum(1 for _ in self._directory.glob(f"*{DAMAGED}"))

    def close(self) -> None:
        """Let go of the directory; what is in it stays."""
        self._seal()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def _note_path(self) -> Path:
        return self._directory / _NOTE_NAME

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012}{SEGMENT}"

    def _create(self) -> None:
        if not (self._directory / _FORMAT_NAME).exists() or _format_of(self._directory)[0] != _FORMAT:
            # Before the first segment: what is drained by then may have been of another one.
            _note_format(self._directory)
        self._mark = os.urandom(_MARK_BYTES)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path(self._active), flags, 0o600)
        self._length = self._synced = 0
        self._write(self._mark)
        sync_directory(self._directory)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self._length += written
            self.size += written
            view = view[written:]

    def _seal(self) -> None:
        if self._file < 0:
            return
        with contextlib.suppress(OSError):
            os.close(self._file)
        self._file = -1
        self._sealed.append(self._active)
        self._active += 1

    def _abandon(self) -> None:
        """Seal the segment whose write failed, without what that left: nobody was told that it is safe."""
        if self._file < 0:
            return
        number, synced = self._active, self._synced
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, synced)
            self.size -= self._length - synced
        self._seal()
        if not synced:
            with contextlib.suppress(OSError):
                self._path(number).unlink()
                self._sealed.remove(number)

    def _read(self, number: int) -> Segment:
        return read_segment(self._path(number))


def read_segment(path: Path) -> Segment:
    """What a segment's file holds; raises OSError. Whoever writes to it may be about to add frames."""
    data = path.read_bytes()
    mark = data[:_MARK_BYTES]
    payloads = list(_frames(data, mark))
    sound = sum(len(payload) + _HEAD.size + _MARK_BYTES for payload in payloads)
    drained = min(_noted(path.with_name(_NOTE_NAME), mark), len(payloads))
    return Segment(int(path.stem), mark, payloads[drained:], drained, len(data) - sound - len(mark))


def _noted(note: Path, mark: bytes) -> int:
    try:
        noted, drained = _NOTE.unpack(note.read_bytes())
    except (FileNotFoundError, struct.error):
        return 0
    return int(drained) if noted == mark else 0


def _frames(data: bytes, mark: bytes) -> Iterator[bytes]:
    offset = _MARK_BYTES
    while len(mark) == _MARK_BYTES and (offset := data.find(mark, offset)) >= 0:
        offset += _MARK_BYTES
        if offset + _HEAD.size > len(data):
            return
        length, checksum = _HEAD.unpack_from(data, offset)
        begin = offset + _HEAD.size
        payload = data[begin : begin + length]
        if len(payload) == length and zlib.crc32(payload) == checksum:
            yield payload
            offset = begin + length
