"""Records of the unpacked topics as rows: raw webhooks, documents, dead letters. Instants are milliseconds (UTC)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.coercion import digits_as_id
from schemas.times import parse_time
from schemas.wire.dead_letters import LETTER, sent_headers
from schemas.wire.derived import ROW
from schemas.wire.headers import readable_headers
from schemas.wire.place import place_at
from schemas.wire.webhook import ANONYMOUS, log_place, webhook_id
from sinks.errors import BadRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import ConsumerRecord

__all__ = ["claim_row", "dead_letter_row", "raw_row", "telemetry_row"]


def raw_row(record: ConsumerRecord) -> dict[str, Any]:
    """A webhook as it arrived. A header that cannot be read leaves its columns empty: the body is kept all the same."""
    headers = readable_headers(record.headers)
    return {
        "id": webhook_id(record.partition, record.offset, headers),
        "received_at": record.timestamp,
        "academy_id": headers.academy,
        "principal": digits_as_id(headers.principal),
        "source": headers.source,
        "params": orjson.dumps(headers.params or {}),
        "payload": record.value or b"",
        "receipt": headers.receipt,
        "version": place_at(record.partition, record.offset),
        "key": record.key,
        "headers": record.headers,
        "valueless": int(record.value is None),
        "place": log_place(record.partition, record.offset, headers),
    }


def telemetry_row(record: ConsumerRecord) -> dict[str, Any]:
    """A document with the columns that its header `row` gives; without a value it is taken back.

    Raises BadRecordError where the header is missing or no object.
    """
    header = dict(record.headers).get(ROW)
    try:
        row = orjson.loads(header or b"null")
    except orjson.JSONDecodeError as error:
        message = f"header row is no JSON: {header!r:.100}"
        raise BadRecordError(message) from error
    if type(row) is not dict:
        message = "header row is missing or no object"
        raise BadRecordError(message)
    updated_at = parse_time(row.get("updated_at"))
    if updated_at is None:
        message = f"updated_at is no time: {row.get('updated_at')!r:.100}"
        raise BadRecordError(message)
    row["updated_at"] = updated_at // 1000
    row["document"] = record.value or b""
    row["deleted"] = int(record.value is None)
    return row


def claim_row(record: ConsumerRecord) -> dict[str, Any] | None:
    """The anonymous run that a named student's document claims, or None."""
    row = telemetry_row(record)
    actor, telemetry_id = row.get("actor"), row.get("telemetry_id")
    if not actor or not telemetry_id or row["deleted"] or str(actor).startswith(ANONYMOUS):
        return None
    return {"telemetry_id": telemetry_id, "actor": actor, "version": row.get("version")}


def _integer(headers: Mapping[str, str], name: str, default: int) -> int:
    text = headers.get(LETTER + name)
    try:
        return int(text) if text else default
    except ValueError as error:
        message = f"header {LETTER}{name} is no number: {text!r:.100}"
        raise BadRecordError(message) from error


def dead_letter_row(record: ConsumerRecord) -> dict[str, Any]:
    """A dead letter, whose `dead-letter-*` headers say where it comes from and why.

    One that says what became of a letter names that letter's id and time, which stay what they were.

    Raises BadRecordError where a header that must be a number is none.
    """
    headers = {name: (data or b"").decode("utf-8", "replace") for name, data in record.headers}
    texts = ("topic", "stage", "reason", "traceback", "resolution")
    return {
        "id": _integer(headers, "id", place_at(record.partition, record.offset)),
        **{name: headers.get(LETTER + name, "") for name in texts},
        **{name: _integer(headers, name, -1) for name in ("partition", "offset", "line")},
        "timestamp": _integer(headers, "timestamp", 0),
        "key": record.key,
        "value": record.value,
        "size": _integer(headers, "size", len(record.value or b"")),
        "headers": dict(sent_headers(record.headers)),
        "received_at": _integer(headers, "received-at", record.timestamp),
        "version": record.timestamp,
        "deleted": _integer(headers, "deleted", 0),
    }
