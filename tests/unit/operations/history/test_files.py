"""Files that the LMS has exported, and the order of their rows."""

from __future__ import annotations

import gzip
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from operations.history.errors import HistoryError
from operations.history.files import LmsFiles
from operations.history.sources import ALWAYS, BEGIN, Position, Span, Survey, in_order

DAY = 86_400_000_000
FIRST = 1_704_067_200_000_000


def webhook(number: int, day: int) -> bytes:
    """A line of January 2024."""
    return orjson.dumps({"id": number, "payload": {"n": number}, "created_at": f"2024-01-{day:02}T00:00:00Z"}) + b"\n"


def telemetry(number: int, day: int) -> bytes:
    """The same of a document."""
    fields: dict[str, Any] = {"user_id": 1, "asset_slug": "a", "telemetry": {"n": number}}
    return orjson.dumps({"id": number, **fields, "updated_at": f"2024-01-{day:02}T00:00:00Z"}) + b"\n"


def test_rows_of_all_files_come_in_their_order(tmp_path: Path) -> None:
    """Webhooks by id, documents by when they were stored, both by time; a row that stands twice comes once."""
    one, two = tmp_path / "one.ndjson", tmp_path / "two.ndjson.gz"
    one.write_bytes(telemetry(4, 9) + webhook(3, 5) + b"\n" + webhook(1, 2) + telemetry(5, 1))
    two.write_bytes(gzip.compress(webhook(2, 2) + telemetry(6, 3) + webhook(3, 5) + telemetry(7, 9)[:-1]))
    with LmsFiles([one, two]) as source:
        assert source.survey(ALWAYS, BEGIN) == Survey(3, 4, FIRST)
        rows = in_order(source.webhooks(ALWAYS, -1), source.telemetry(ALWAYS, (BEGIN.telemetry_at, -1)))
        assert [(type(row).__name__[0], row.id) for row in rows] == [
            *(("T", 5), ("W", 1), ("W", 2)),
            *(("T", 6), ("W", 3), ("T", 4), ("T", 7)),
        ]
        since = Span(FIRST + 2 * DAY)
        assert source.survey(since, Position(2, FIRST + 8 * DAY, 4)) == Survey(1, 1, FIRST + 4 * DAY, passed=2)
        assert [row.id for row in source.webhooks(since, -1)] == [3]
        assert [row.id for row in source.telemetry(since, (FIRST + 8 * DAY, 4))] == [7]
        assert source.survey(Span(FIRST + 30 * DAY), BEGIN) == Survey(0, 0, None)
        assert source.survey(Span(until=FIRST + 2 * DAY), BEGIN) == Survey(2, 1, FIRST)


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before anything is written."""
    file = tmp_path / "rows.ndjson"
    file.write_bytes(webhook(1, 1) + b"\n{}\n")
    with pytest.raises(HistoryError, match=r"rows.ndjson, line 3: it has no `id`; docs/migrating.md"), LmsFiles([file]):
        pass
    with pytest.raises(HistoryError, match="there is no such file"), LmsFiles([tmp_path / "none"]):
        pass
    file.write_bytes(gzip.compress(webhook(1, 1))[:-5])
    with pytest.raises(HistoryError, match=r"rows.ndjson cannot be read"), LmsFiles([file]):
        pass
    damaged = bytearray(gzip.compress(b"".join(webhook(number, 1) for number in range(500))))
    damaged[20:30] = b"\xff" * 10
    file.write_bytes(damaged)
    with pytest.raises(HistoryError, match=r"rows.ndjson cannot be read"), LmsFiles([file]):
        pass


def test_more_lines_than_are_held_are_refused(tmp_path: Path) -> None:
    """A few dozen bytes are kept of each."""
    file = tmp_path / "rows.ndjson"
    file.write_bytes(webhook(1, 1) + webhook(2, 1) + telemetry(1, 1))
    with pytest.raises(HistoryError, match="more than 2 lines; give some of them at a time"), LmsFiles([file], 2):
        pass


@pytest.mark.parametrize("data", [b"", b"\n\n", gzip.compress(b"")])
def test_a_file_without_a_row_is_refused(tmp_path: Path, data: bytes) -> None:
    """Also beside another one: what its export has lost could not come in behind that any more."""
    empty, good = tmp_path / "empty.ndjson", tmp_path / "good.ndjson"
    empty.write_bytes(data)
    good.write_bytes(webhook(1, 1))
    with pytest.raises(HistoryError, match=r"empty\.ndjson has no row: did whatever"), LmsFiles([good, empty]):
        pass


def test_a_file_that_changes_meanwhile_is_said(tmp_path: Path) -> None:
    """What was found at a place is not there any more."""
    file = tmp_path / "rows.ndjson"
    file.write_bytes(webhook(1, 1))
    with LmsFiles([file]) as source:
        file.write_bytes(b"something else\n")
        with pytest.raises(HistoryError, match="has changed while it was read"):
            list(source.webhooks(ALWAYS, -1))


@pytest.mark.parametrize(
    "at", ["2099-01-01T00:00:00Z", "1969-12-31T00:00:00Z", None, "infinity", "-infinity", "0044-03-15T00:00:00+00 BC"]
)
def test_rows_without_a_usable_time_are_left_out_and_counted(tmp_path: Path, at: str | None) -> None:
    """One of tomorrow would hold back its student's days, one of 1969 the whole import."""
    file = tmp_path / "rows.ndjson"
    row = {"id": 2, "user_id": 1, "asset_slug": "a", "telemetry": {}, "updated_at": at}
    untimed = (orjson.dumps(one) for one in ({"id": 5, "payload": {}, "created_at": at}, row))
    file.write_bytes(webhook(1, 1) + b"\n".join(untimed))
    with LmsFiles([file]) as source:
        assert source.survey(ALWAYS, BEGIN) == Survey(1, 0, FIRST, untimed=2)
        assert [row.id for row in source.webhooks(ALWAYS, -1)] == [1]
        assert list(source.telemetry(ALWAYS, (BEGIN.telemetry_at, -1))) == []


def test_what_lies_before_the_first_that_was_taken_was_missed(tmp_path: Path) -> None:
    """A file of older rows that comes second cannot come in any more."""
    file = tmp_path / "rows.ndjson"
    file.write_bytes(webhook(3, 3) + webhook(1, 1) + webhook(1, 1) + webhook(9, 9) + telemetry(5, 1) + telemetry(6, 8))
    with LmsFiles([file]) as source:
        reached = Position(8, FIRST + 8 * DAY, 1, 3, FIRST + 5 * DAY)
        assert source.survey(ALWAYS, reached) == Survey(1, 0, FIRST + 8 * DAY, passed=4, missed=2)


def test_the_last_minute_of_a_living_database_waits_for_the_next_export(tmp_path: Path) -> None:
    """A row that was not committed yet has a lower id than one of the files; it is not passed over when it comes."""
    now = time.time_ns() // 1000
    file, again = tmp_path / "rows.ndjson", tmp_path / "again.ndjson"

    def webhook_at(number: int, seconds_ago: float) -> bytes:
        return orjson.dumps({"id": number, "payload": {}, "created_at": iso_instant(seconds_ago)}) + b"\n"

    def stored_at(number: int, seconds_ago: float) -> bytes:
        row = {"id": number, "user_id": 1, "asset_slug": "a", "telemetry": {}, "updated_at": iso_instant(seconds_ago)}
        return orjson.dumps(row) + b"\n"

    def iso_instant(seconds_ago: float) -> str:
        return datetime.fromtimestamp(now / 1_000_000 - seconds_ago, UTC).isoformat()

    old = webhook_at(1, 900) + stored_at(1, 900)
    # Of these 5 is of the last minute, 6 lies behind it, and the second document behind 6.
    file.write_bytes(old + webhook_at(3, 600) + webhook_at(5, 330) + webhook_at(6, 500) + stored_at(2, 400))
    file.write_bytes(file.read_bytes() + webhook_at(7, 300))
    with LmsFiles([file]) as source:
        assert [row.id for row in source.webhooks(ALWAYS, -1)] == [1, 3]
        assert [row.id for row in source.telemetry(ALWAYS, (BEGIN.telemetry_at, -1))] == [1]
        survey = source.survey(ALWAYS, BEGIN)
        assert (survey.webhooks, survey.telemetry, survey.waiting) == (2, 1, 4)
    again.write_bytes(file.read_bytes() + webhook_at(4, 320) + webhook_at(8, 100))
    with LmsFiles([again]) as source:
        assert [row.id for row in source.webhooks(ALWAYS, 3)] == [4, 5, 6, 7]
        assert [row.id for row in source.telemetry(ALWAYS, (now - 900_000_000, 1))] == [2]
    # A copy of long ago is complete.
    file.write_bytes(webhook_at(1, 90_000) + webhook_at(2, 89_999) + stored_at(1, 90_000))
    with LmsFiles([file]) as source:
        assert source.survey(ALWAYS, BEGIN) == Survey(2, 1, now - 90_000_000_000)


def test_a_pipe_is_refused_with_what_to_do() -> None:
    """Each line is read again where it is, which a pipe has no places for."""
    read, write = os.pipe()
    os.close(write)
    try:
        with (
            pytest.raises(HistoryError, match="it is a pipe"),
            LmsFiles([Path(f"/dev/fd/{read}")]),
        ):
            pass
    finally:
        os.close(read)
