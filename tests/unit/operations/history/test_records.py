"""The raw records that rows of the LMS become."""

from __future__ import annotations

from typing import Any

import orjson

from operations.history.records import Import, RawRecord, Rules, records_of
from operations.history.rows import TelemetryRow, WebhookRow
from schemas.wire.headers import RawHeaders, decode_headers
from tests.support.lms import telemetry_of

RULES = Rules(max_bytes=1_000)
AT = 1_700_000_000_123_456
DOCUMENT: dict[str, Any] = {"user_id": 7, "slug": "a", "telemetry_id": "t", "steps": [{"slug": "s", "opened_at": 1}]}


def webhook(body: bytes, **fields: Any) -> WebhookRow:
    """A row with this payload."""
    return WebhookRow(id=5, at=AT, body=body, **fields)


def telemetry(document: Any, scores: dict[str, Any] | None = None) -> TelemetryRow:
    """A row with this document."""
    body = None if document is None else orjson.dumps(document)
    return TelemetryRow(id=9, at=AT, user=7, asset_slug="b", document=body, scores=scores or {})


def only(made: Import) -> tuple[RawRecord, RawHeaders]:
    """The one record, and its headers."""
    (record,) = made.records
    return record, decode_headers(record.headers)


def test_a_webhook_is_what_the_gateway_wrote_then() -> None:
    """Body to the byte, the student as key, the arrival of then; whoever had sent it was allowed to."""
    body = b'{"user_id": " 07", "slug": "a"}'
    record, headers = only(records_of(webhook(body, student=7), RULES))
    assert (record.key, record.value, record.timestamp) == (b"7", body, AT // 1000)
    assert headers == RawHeaders(permitted=True, receipt="lms-webhook-5")


def test_who_is_not_named_is_whom_the_lms_found() -> None:
    """As by a personal token; without anybody the key is the run, or the asset."""
    record, headers = only(records_of(webhook(b'{"slug": "a", "telemetry_id": "t"}', student=7), RULES))
    assert (record.key, headers.principal, headers.permitted) == (b"7", "7", None)
    assert only(records_of(webhook(b'{"slug": "a", "telemetry_id": "t"}'), RULES))[0].key == b"telemetry:t"


def test_what_no_gateway_takes_stays_out() -> None:
    """The LMS stored it all the same; here it would be a dead letter each."""
    deep = b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}"
    for refused in (b"null", b"[1]", b'"text"', b"5", b"{}", b" { } ", b"{", deep):
        assert records_of(webhook(refused, student=7), RULES) == Import(left_out="refused")
    assert records_of(webhook(b'{"n": 1e999, "user_id": "\\ud800"}'), RULES).records


def test_the_academy_is_the_imports_the_documents_or_the_default() -> None:
    """In this order, as the gateway has it."""
    own, other = webhook(b'{"academy_id": 3}'), webhook(b'{"slug": "a"}')
    assert only(records_of(own, Rules(9_999, academy=4, default_academy=5)))[1].academy == 4
    assert only(records_of(own, Rules(9_999, default_academy=5)))[1].academy is None
    assert only(records_of(other, Rules(9_999, default_academy=5)))[1].academy == 5


def test_what_a_rule_had_ignored_stays_out() -> None:
    """Unless it is asked for; repeats, which the LMS marked, are judged anew."""
    ruled = webhook(b'{"a": 1}', status="IGNORED", status_text="Ignored by academy learnpack_features.x rule (events).")
    assert records_of(ruled, RULES) == Import(left_out="ignored")
    assert records_of(ruled, Rules(9_999, with_ignored=True)).records
    repeat = webhook(b'{"a": 1}', status="IGNORED", status_text="Ignored because a more recent")
    assert records_of(repeat, RULES).records


def test_a_body_that_is_too_large_or_redacted() -> None:
    """No raw record keeps more than a gateway would have."""
    body = orjson.dumps({"user_id": 7, "email": "a@b", "text": "x" * 100})
    assert records_of(webhook(body), Rules(100)) == Import(left_out="too-large")
    record, _ = only(records_of(webhook(body), Rules(100, redact=frozenset({"text", "email"}))))
    assert record.value == b'{"user_id":7}'


def test_a_document_is_a_batch_of_its_rows_student_and_tutorial() -> None:
    """What it says otherwise, or not at all, stands beside it; a document that was stored anew is another webhook."""
    record, headers = only(records_of(telemetry(DOCUMENT), RULES))
    assert (record.key, record.value) == (b"7", orjson.dumps(DOCUMENT))
    assert headers == RawHeaders(permitted=True, receipt=f"lms-telemetry-9-{AT}")
    _, headers = only(records_of(telemetry(DOCUMENT | {"user_id": 8, "slug": ""}), RULES))
    assert headers.params == {"user_id": "7", "slug": "b"}
    _, headers = only(records_of(telemetry({"slug": "a"}), RULES))
    assert (headers.params, headers.principal) == (None, "7")
    assert records_of(telemetry(None), RULES) == records_of(telemetry({}), RULES) == Import(left_out="empty")


def test_scores_that_staff_had_set_follow_as_their_command() -> None:
    """So they hold until the next batch; what the LMS computed is computed here."""
    computed = telemetry_of(7, "b", DOCUMENT, 1).scores
    assert len(records_of(telemetry(DOCUMENT, computed), RULES).records) == 1
    batch, command = records_of(telemetry(DOCUMENT, {"engagement_score": 3.0, "total_time": 60.0}), RULES).records
    assert batch.value == orjson.dumps(DOCUMENT)
    headers = decode_headers(command.headers)
    assert (headers.source, headers.permitted, command.key, command.timestamp) == ("staff", True, b"7", AT // 1000)
    assert orjson.loads(command.value) == {
        "command": "telemetry.upsert",
        "user_id": "7",
        "asset_slug": "b",
        "fields": {"engagement_score": 3.0, "total_time": 60.0},
        "academy": None,
    }
    (command,) = records_of(telemetry(None, {"engagement_score": 3.0}), RULES).records
    assert decode_headers(command.headers).source == "staff"


def test_scores_that_staff_could_not_set_are_named() -> None:
    """The others are kept; a row with nothing else is not one without scores."""
    metrics = {"blob": "x" * (256 << 10)}
    made = records_of(telemetry(None, {"engagement_score": 3.0, "metrics": metrics}), RULES)
    assert (len(made.records), made.left_out, made.dropped) == (1, "", ("metrics",))
    assert orjson.loads(made.records[0].value)["fields"] == {"engagement_score": 3.0}
    assert records_of(telemetry(None, {"engagement_score": 1e308}), RULES) == Import(
        left_out="unusable", dropped=("engagement_score",)
    )
