"""What the parts and their supervisor write, in a file for each that is bounded in bytes and begins anew when full."""

from __future__ import annotations

import contextlib
import io
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final, TextIO

from deploy.run.output import DetachedOutput

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.run.listening import Notice

__all__ = ["PartLogs", "log_file", "logs_of"]

# With the older ones 8 MiB a part: weeks of a quiet system, and an hour of one that complains without end.
_FILE_BYTES: Final = 2 << 20
_OLDER_FILES: Final = 3
_SUPERVISOR: Final = "supervisor"


def logs_of(data: Path) -> Path:
    """Where a system with this data directory keeps its logs."""
    return data / "logs"


def log_file(directory: Path, part: str) -> Path:
    """The newest file of a part; older ones are beside it, ending in `.1` to `.3`."""
    return directory / f"{part}.log"


class PartLogs:
    """Writes the files, by a thread of its own: a slow disk holds nobody up, what a full one does not take is lost."""

    def __init__(self, directory: Path, most_bytes: int = _FILE_BYTES, older: int = _OLDER_FILES) -> None:
        """Write into a directory, which is made with the first line; no file has more bytes, nor a part more files."""
        self._directory = directory
        self._most_bytes = most_bytes
        self._older = older
        self._output = DetachedOutput()
        self._files: dict[str, _Lines] = {}

    def wrote(self, part: str, line: str) -> None:
        """Take a line of a part, as it is."""
        if part not in self._files:
            self._files[part] = _Lines(log_file(self._directory, part), self._most_bytes, self._older)
        self._output.put(self._files[part], line)

    def told(self, notice: Notice) -> None:
        """Take what the supervisor says, with the time; what it says of a part is in the file of that, too."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        self.wrote(_SUPERVISOR, f"{now}Z {notice.text}")
        if notice.part:
            self.wrote(notice.part, f"{now}Z [{_SUPERVISOR}] {notice.text}")

    def close(self) -> None:
        """Wait until all is written, a second at most; raises nothing."""
        if self._output.close():
            for file in self._files.values():
                # What a full disk has not taken yet is tried once more, in vain.
                with contextlib.suppress(OSError):
                    file.close()


class _Lines(io.TextIOBase, TextIO):
    """A file that takes lines, with their ends or without."""

    def __init__(self, path: Path, most_bytes: int, older: int) -> None:
        self._path = path
        self._handler = _Handler(
            path, maxBytes=most_bytes, backupCount=older, encoding="utf-8", errors="replace", delay=True
        )

    def write(self, text: str) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handler.emit(logging.makeLogRecord({"msg": text.removesuffix("\n")}))
        return len(text)

    def close(self) -> None:
        self._handler.close()
        super().close()


class _Handler(RotatingFileHandler):
    """One that keeps what fails to itself: by default logging would write it to standard error."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing."""
