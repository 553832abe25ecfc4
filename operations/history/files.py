"""The LMS's rows out of NDJSON files, gzipped or not, in any order.

The files are read once to learn where each line is, its kind, id and instant, which takes a few dozen bytes a line;
then each line is read again where it is. What is gzipped is unpacked into a temporary file first.

As of a database the last minute waits for the next export, where the newest row is of the last day: a row whose
transaction was not over is not in the files, while one with a higher id may be, and would be the position.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tempfile
import time
import zlib
from array import array
from itertools import count, groupby
from typing import IO, TYPE_CHECKING, Any, Final, Self

from operations.history.errors import HistoryError
from operations.history.rows import TelemetryRow, WebhookRow, parse_line
from operations.history.sources import EARLIEST, MOST_AHEAD, Survey
from operations.wording import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from operations.history.sources import Position, Span

__all__ = ["MOST_LINES", "LmsFiles"]

_GZIP: Final = b"\x1f\x8b"
# More than any body with what stands beside it.
_MOST_BYTES: Final = 64 << 20
MOST_LINES: Final = 10_000_000
# Files whose newest row is older are of a copy, or of hours in which nothing was under way (microseconds).
_LIVE: Final = 86_400_000_000
_WAITS: Final = 60_000_000
_NEVER: Final = (1 << 63) - 1


class _Index:
    """Lines of one kind: file, offset, id and instant of each, sorted once all are known."""

    def __init__(self) -> None:
        self.columns: tuple[array[int], ...] = tuple(array("q") for _ in range(4))
        self.order: Sequence[int] = ()

    def add(self, *values: int) -> None:
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def rows(self, key: Callable[[int, int], Any]) -> Iterator[tuple[int, int]]:
        """The instant and the id of each row, in the order of the key, which several lines may have."""
        _, _, numbers, instants = self.columns
        lines = ((instants[line], numbers[line]) for line in self.order)
        return (next(same) for _, same in groupby(lines, lambda line: key(*line)))

    def sort(self, key: Callable[[int, int], Any]) -> None:
        _, _, numbers, instants = self.columns
        self.order = sorted(range(len(numbers)), key=lambda line: key(instants[line], numbers[line]))


class LmsFiles:
    """A source of rows (operations.history.sources.Source); a context manager. Every method raises HistoryError."""

    def __init__(self, paths: Sequence[Path], most_lines: int = MOST_LINES) -> None:
        self._paths = paths
        self._most = most_lines
        self._opened = contextlib.ExitStack()
        self._files: list[IO[bytes]] = []
        self._webhooks, self._telemetry = _Index(), _Index()
        self._untimed = 0
        self._began = time.time_ns() // 1000
        # Webhooks from this id and documents from this instant on wait for the next export.
        self._waits, self._end = _NEVER, _NEVER

    def __enter__(self) -> Self:
        """Open and read the files."""
        try:
            for path in self._paths:
                self._read(path)
        except BaseException:
            self._opened.close()
            raise
        self._webhooks.sort(lambda _, number: number)
        self._telemetry.sort(lambda at, number: (at, number))
        self._leave_what_may_be_incomplete()
        return self

    def __exit__(self, *_error: object) -> None:
        self._opened.close()

    def survey(self, span: Span, after: Position) -> Survey:
        """Count the rows behind a position."""
        webhooks = [at for _, at in self._behind_webhook(span, after.webhook)]
        telemetry = [at for _, at in self._behind_telemetry(span, (after.telemetry_at, after.telemetry))]
        passed, missed = self._passed(span, after)
        oldest = min((*webhooks, *telemetry), default=None)
        waiting = self._waiting(span, after)
        return Survey(len(webhooks), len(telemetry), oldest, self._untimed, passed, missed, waiting)

    def webhooks(self, span: Span, after: int) -> Iterator[WebhookRow]:
        """Those behind an id, by id; of several lines with one id the first."""
        for line, _ in self._behind_webhook(span, after):
            row = self._row(self._webhooks, line)
            if isinstance(row, WebhookRow):
                yield row

    def telemetry(self, span: Span, after: tuple[int, int]) -> Iterator[TelemetryRow]:
        """Those behind an instant and id, in this order; of several lines with the same the first."""
        for line, _ in self._behind_telemetry(span, after):
            row = self._row(self._telemetry, line)
            if isinstance(row, TelemetryRow):
                yield row

    def _leave_what_may_be_incomplete(self) -> None:
        _, _, numbers, instants = self._webhooks.columns
        _, _, _, stored = self._telemetry.columns
        newest = min(max((*instants, *stored), default=0), self._began)
        if newest < self._began - _LIVE:
            return
        self._end = newest - _WAITS
        lines = range(len(numbers))
        self._waits = min((numbers[line] for line in lines if instants[line] >= self._end), default=_NEVER)
        # Documents that came behind webhooks which wait have to wait with them.
        behind = (instants[line] for line in lines if numbers[line] >= self._waits)
        self._end = min(self._end, *behind, _NEVER)

    def _waiting(self, span: Span, after: Position) -> int:
        """How many rows of the span are left to the next export."""
        last = (after.telemetry_at, after.telemetry)
        webhooks = self._webhooks.rows(lambda _, number: number)
        telemetry = self._telemetry.rows(lambda at, number: (at, number))
        return sum(
            number >= self._waits and number > after.webhook and span.holds(at) for at, number in webhooks
        ) + sum(at >= self._end and (at, number) > last and span.holds(at) for at, number in telemetry)

    def _passed(self, span: Span, after: Position) -> tuple[int, int]:
        """How many rows lie at the position or before it, and of them before the first that was taken."""
        last = (after.telemetry_at, after.telemetry)
        passed = missed = 0
        for at, number in self._webhooks.rows(lambda _, number: number):
            if number <= after.webhook and span.holds(at):
                passed += 1
                missed += after.first_webhook is not None and number < after.first_webhook
        for at, number in self._telemetry.rows(lambda at, number: (at, number)):
            if (at, number) <= last and span.holds(at):
                passed += 1
                missed += after.first_telemetry_at is not None and at < after.first_telemetry_at
        return passed, missed

    def _behind_webhook(self, span: Span, after: int) -> Iterator[tuple[int, int]]:
        _, _, numbers, instants = self._webhooks.columns
        for line in self._webhooks.order:
            if after < numbers[line] < self._waits and span.holds(instants[line]):
                after = numbers[line]
                yield line, instants[line]

    def _behind_telemetry(self, span: Span, after: tuple[int, int]) -> Iterator[tuple[int, int]]:
        _, _, numbers, instants = self._telemetry.columns
        for line in self._telemetry.order:
            if instants[line] >= self._end:
                return
            if (instants[line], numbers[line]) > after and span.holds(instants[line]):
                after = (instants[line], numbers[line])
                yield line, instants[line]

    def _row(self, index: _Index, line: int) -> WebhookRow | TelemetryRow:
        file, offset, *_ = (column[line] for column in index.columns)
        self._files[file].seek(offset)
        try:
            return parse_line(self._files[file].readline())
        except (HistoryError, OSError) as error:
            message = f"{self._paths[file]} has changed while it was read; run this again."
            raise HistoryError(message) from error

    def _read(self, path: Path) -> None:
        try:
            file = self._open(path)
        except (OSError, EOFError, zlib.error) as error:
            raise HistoryError(unreadable(path, error)) from error
        self._files.append(file)
        has_rows = False
        for number in count(1):
            offset = file.tell()
            line = file.readline(_MOST_BYTES)
            if not line:
                break
            if not line.strip():
                continue
            has_rows = True
            where = f"{path}, line {number}: "
            if len(line) == _MOST_BYTES:
                message = f"{where}it is longer than {_MOST_BYTES >> 20} MiB; give one JSON object a line."
                raise HistoryError(message)
            try:
                row = parse_line(line)
            except HistoryError as error:
                message = f"{where}{error}; docs/migrating.md says how to export."
                raise HistoryError(message) from error
            if not EARLIEST <= row.at < self._began + MOST_AHEAD:
                self._untimed += 1
                continue
            index = self._webhooks if isinstance(row, WebhookRow) else self._telemetry
            index.add(len(self._files) - 1, offset, row.id, row.at)
            if len(self._webhooks.columns[0]) + len(self._telemetry.columns[0]) > self._most:
                message = f"the files have more than {self._most:,} lines; give some of them at a time, oldest first."
                raise HistoryError(message)
        if not has_rows:
            message = f"{path} has no row: did whatever writes it fail? Where there is none to export, leave it out."
            raise HistoryError(message)

    def _open(self, path: Path) -> IO[bytes]:
        file = self._opened.enter_context(path.open("rb"))
        if not file.seekable():
            message = f"{path} cannot be read twice: it is a pipe. Write what comes out of it to a file first."
            raise HistoryError(message)
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not packed:
            return file
        unpacked = self._opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is, of the source
        with gzip.GzipFile(fileobj=file) as whole:
            shutil.copyfileobj(whole, unpacked, 1 << 20)
        unpacked.seek(0)
        return unpacked
