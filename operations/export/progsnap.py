"""A data set in the ProgSnap2 format: a directory that is there as a whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from operations.export.errors import ExportError
from operations.export.progsnap_table import METADATA
from operations.export.whole import ABOUT, whole
from operations.stored import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from operations.export.progsnap_table import MainTable

__all__ = ["Form", "Written", "write_dataset"]


class Form(StrEnum):
    """The files that the main table is in."""

    CSV = "csv"
    PARQUET = "parquet"
    BOTH = "both"


_FORMATS: Final = {Form.CSV: "CSVWithNames", Form.PARQUET: "Parquet"}
_README: Final = """# {asset}

{count} events of the tutorial, exported by LearnPack Telemetry in the ProgSnap2 format, version {version}. Each is a
fact of its table `events`. {subjects}. The data set has no code, no output
and no messages: CodeStateID is empty, as are the columns that would say what code was compiled or tested.

Event types of its own:

| EventType | what happened |
| --- | --- |
| X-Tutorial.Start | the student was first heard of in the tutorial |
| X-Assistant.Ask | the student asked the assistant |
| X-Step.Complete | a step was completed |
| X-Cell.Run | a cell of a notebook ran |
| other X-… | what the author of a notebook records, by its name there |

A test is Run.Test with Score 1 or 0, a quiz is Submit with the share of right answers as Score. ClientTimestamp is by
the student's clock, ServerTimestamp when the webhook arrived that told of it; Order holds within a subject.
"""
_PSEUDONYMS: Final = "Subjects and EventIDs are pseudonyms by keys that are kept apart"
_ACCOUNTS: Final = "Subjects are users by their ids, an EventID is the fact's `item_id`"


@dataclass(frozen=True, slots=True)
class Written:
    """What an export has written."""

    events: int
    bytes: int


def write_dataset(table: MainTable, directory: Path, asset: str, form: Form, *, pseudonyms: bool) -> Written:
    """Write the data set, and put it into its place when it is whole.

    Raises ExportError where there is nothing to write or something in the way, and sinks.clickhouse.CLICKHOUSE_ERRORS.
    """
    count = table.count()
    if not count:
        message = f"there are no facts of the tutorial {asset!r} in that time: name one of telemetry.asset_daily's."
        raise ExportError(message)
    with whole(directory) as beside:
        size, lines = 0, _Lines()
        for name in _FORMATS if form is Form.BOTH else (form,):
            pieces = table.write(_FORMATS[name])
            size += _store(beside / f"MainTable.{name}", lines.counted(pieces) if name is Form.CSV else pieces)
        if lines.count:
            # The first line is the columns' names. Facts may have come, or gone, since they were counted.
            count, least = lines.count - 1, min(count, table.count())
            if count < least:
                message = f"ClickHouse gave {count} of {least} events: export again, or parts by --since and --until."
                raise ExportError(message)
        metadata = "".join(f"{name},{value}\n" for name, value in {"Property": "Value", **METADATA}.items())
        _store(beside / "DatasetMetadata.csv", [metadata.encode()])
        _store(beside / "CodeStates" / "CodeStates.csv", [b"CodeStateID,Code\n"])
        subjects = _PSEUDONYMS if pseudonyms else _ACCOUNTS
        about = _README.format(asset=asset, count=count, version=METADATA["Version"], subjects=subjects)
        _store(beside / ABOUT, [about.encode()])
    return Written(count, size)


class _Lines:
    """Counts the lines of a CSV file on its way: ends of lines between quotes are of a text."""

    def __init__(self) -> None:
        self.count = 0
        self._quoted = False

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            parts = piece.split(b'"')
            self.count += sum(part.count(b"\n") for part in parts[self._quoted :: 2])
            self._quoted ^= len(parts) % 2 == 0
            yield piece


def _store(path: Path, pieces: Iterable[bytes]) -> int:
    path.parent.mkdir(exist_ok=True)
    return store(path, pieces, "xb")
