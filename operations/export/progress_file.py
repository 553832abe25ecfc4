"""How far an export has come, in a file that outlives it: whole at any time, and written by one export alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

import msgspec

from operations.export.agreement import Agreement  # noqa: TC001 - msgspec reads them
from operations.export.errors import ExportError
from operations.export.facts import Change, Place  # noqa: TC001
from operations.secret_files import write_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FORMAT", "ProgressFile", "Reached"]

# Raised where an older release would go on from the wrong place.
FORMAT: Final = 1


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """Up to which row of which generation all was sent, of facts since when, and the versions that were voided.

    Those that are `voiding` may be voided already, or not yet: whoever goes on sends them before anything else.
    """

    format: int = FORMAT
    agreement: Agreement
    generation: int
    since: str
    place: Place
    voided: dict[str, list[int]] = {}
    voiding: list[Change] = []


class ProgressFile:
    """The file; only within `held` may it be written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from exporting with it; the lock ends with the process. Raises ExportError if one does."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            message = f"another export writes {self.path}: wait for it, end it, or give this one a --state of its own."
            raise ExportError(message) from error
        finally:
            os.close(descriptor)

    def read(self) -> Reached | None:
        """What is there, None if nothing is; raises ExportError for what this release cannot read."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            found = msgspec.json.decode(text, type=Reached)
        except msgspec.DecodeError as error:
            message = (
                f"{self.path} is damaged ({error}): delete it, and the export begins anew; nothing is there twice."
            )
            raise ExportError(message) from error
        if found.format > FORMAT:
            message = (
                f"{self.path} is of format {found.format}, this release reads {FORMAT}: use the release that wrote it."
            )
            raise ExportError(message)
        return found

    def write(self, progress: Reached) -> None:
        """Put this in place of what is there; raises ExportError where that fails, and then it is what it was."""
        try:
            write_secret(self.path, msgspec.json.encode(progress))
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ExportError:
        return ExportError(f"{self.path} cannot be used: {error.strerror}; name a file that you may write by --state.")
