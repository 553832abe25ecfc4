"""Lines of the LMS's exported rows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from operations.history.errors import HistoryError
from operations.history.rows import TelemetryRow, WebhookRow, parse_line

AT = 1_704_164_645_678_901
ISO = "2024-01-02T03:04:05.678901+00:00"
PAYLOAD = b'{ "user_id":7,"b": [1.50] }'


def line(**fields: Any) -> bytes:
    """A line of these columns."""
    return orjson.dumps(fields)


def test_a_webhook_keeps_its_payload_to_the_byte() -> None:
    """PostgreSQL's `row_to_json` writes every column; what is not needed is passed over."""
    text = b'{"id":5,"is_streaming":true,"event":"x","payload":%b,"status":"ERROR","status_text":null,' % PAYLOAD
    assert parse_line(text + b'"student_id":7,"created_at":"%b"}' % ISO.encode()) == WebhookRow(
        id=5, at=AT, body=PAYLOAD, student=7, status="ERROR"
    )


def test_telemetry_has_the_scores_that_are_not_null() -> None:
    """The duration is PostgreSQL's text or Django's, in seconds here."""
    columns = {"user_id": 3, "asset_slug": "a", "updated_at": ISO, "telemetry": {"steps": []}, "metrics": None}
    for text, seconds in (("1 02:03:04.5", 93_784.5), ("P1DT02H03M04.5S", 93_784.5)):
        row = parse_line(line(id=9, engagement_score=1.5, total_time=text, completion_rate="x", **columns))
        assert row == TelemetryRow(
            id=9,
            at=AT,
            user=3,
            asset_slug="a",
            document=b'{"steps":[]}',
            scores={"engagement_score": 1.5, "total_time": seconds},
        )


def test_lines_of_djangos_dumpdata_are_rows_too() -> None:
    """The id is in `pk`, the columns are fields, and a relation has no `_id`."""
    fields = {"payload": None, "student": 4, "status": "IGNORED", "status_text": "why", "created_at": ISO}
    told = line(model="assignments.learnpackwebhook", pk=5, fields=fields)
    assert parse_line(told) == WebhookRow(id=5, at=AT, body=b"null", student=4, status="IGNORED", status_text="why")
    fields = {"user": 4, "asset_slug": "a", "telemetry": None, "updated_at": ISO}
    assert parse_line(line(pk=5, fields=fields)) == TelemetryRow(
        id=5, at=AT, user=4, asset_slug="a", document=None, scores={}
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"[]", "it is no JSON object"),
        (b'{"id": 1', "it is no JSON object"),
        (line(payload={}, created_at=ISO), "it has no `id`"),
        (line(id=1, created_at=ISO), "it has neither `payload`"),
        (line(id=1, payload={}, created_at="soon"), "its `created_at` is no ISO 8601 date"),
        (line(id=1, asset_slug="a", user_id=1), "its `updated_at` is no ISO 8601 date"),
        (line(id=1, asset_slug="a", updated_at=ISO), "it has no `user_id`"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(text: bytes, why: str) -> None:
    """The exporter can mend it."""
    with pytest.raises(HistoryError, match=why):
        parse_line(text)


@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
def test_a_payload_may_be_nested_as_deep_as_postgresql_takes_it(depth: int) -> None:
    """It is taken byte for byte, so that the worker says what is wrong with it; else one row would stop all others."""
    deep = b'{"a": 1, "b": [%b]}' % (b'[{"]": "\\"["}, ' * depth + b"1" + b"]" * depth)
    columns = b'"created_at": "2024-01-01T00:00:00Z", "payload": %b, "student_id": 7' % deep
    for line in (b'{"id": 3, %b}' % columns, b'{"pk": 3, "fields": {%b}}' % columns):
        row = parse_line(line)
        assert isinstance(row, WebhookRow)
        assert (row.id, row.student, row.body) == (3, 7, deep)
    with pytest.raises(HistoryError, match="no JSON object"):
        parse_line(b'{"id": 3, %b' % columns)


def test_metrics_that_are_too_deep_count_as_none() -> None:
    """Nobody sets such; the document beside them is kept."""
    deep = b'{"a": [[%b]]}' % (b"[" * 5_000 + b"]" * 5_000)
    line = b'{"id": 3, "user_id": 7, "asset_slug": "a", "updated_at": "2024-01-01T00:00:00Z", "telemetry": %b%b}'
    row = parse_line(line % (deep, b', "completion_rate": 5.0, "metrics": ' + deep))
    assert isinstance(row, TelemetryRow)
    assert (row.document, row.scores) == (deep, {"completion_rate": 5.0})
