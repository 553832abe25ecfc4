"""From a row of the LMS to the raw records that it becomes: what the gateway would have written then (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.errors import ApiError
from gateway.ingest.json_bodies import glance
from operations.history.finding import telemetry_receipt, webhook_receipt
from operations.history.rows import TelemetryRow, WebhookRow
from operations.history.scored import set_by_staff
from schemas.lenient import loads
from schemas.redaction import blotted, blotted_body
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.staff import TelemetryCommand, encode_command, validate_fields
from schemas.wire.webhook import academy_of, merge, normal_user_id, student_key

if TYPE_CHECKING:
    from operations.history.rows import Row

__all__ = ["Import", "RawRecord", "Rules", "records_of"]

# How the LMS's text of a webhook begins that a rule of an academy ignored.
_BY_RULE: Final = "Ignored by academy"
_IGNORED: Final = "IGNORED"


class RawRecord(NamedTuple):
    """A record of the raw topic; `timestamp` is its arrival in milliseconds."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows are imported.

    `academy` is the scope of all of them; without it a document's own counts, then `default_academy`. `redact` are the
    keys that no raw record keeps, `max_bytes` is the largest body, `with_ignored` takes in what a rule of the LMS
    ignored.
    """

    max_bytes: int
    academy: int | None = None
    default_academy: int | None = None
    redact: frozenset[str] = frozenset()
    with_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """What a row becomes: its records, and why there are none, else empty.

    That is `ignored`, `empty`, `too-large`, `refused` or `unusable`. Of scores that staff had set `dropped` are those
    that they could not set here.
    """

    records: tuple[RawRecord, ...] = ()
    left_out: str = ""
    dropped: tuple[str, ...] = ()


def records_of(row: Row, rules: Rules) -> Import:
    """The records of a row, in the order in which they are written."""
    return _of_webhook(row, rules) if isinstance(row, WebhookRow) else _of_telemetry(row, rules)


def _of_webhook(row: WebhookRow, rules: Rules) -> Import:
    if not rules.with_ignored and row.status == _IGNORED and row.status_text.startswith(_BY_RULE):
        return Import(left_out="ignored")
    student = None if row.student is None else str(row.student)
    if not _is_taken(row.body):
        return Import(left_out="refused")
    return _webhook(row, row.body, student, rules)


def _of_telemetry(row: TelemetryRow, rules: Rules) -> Import:
    document = None if row.document is None else _object(row.document)
    records: tuple[RawRecord, ...] = ()
    user = str(row.user)
    if row.document is not None and document:
        params = {}
        if normal_user_id(document.get("user_id")) not in {None, user}:
            # The row's own user is the LMS's word.
            params["user_id"] = user
        if not document.get("slug") and not document.get("package_slug"):
            params["slug"] = row.asset_slug
        batch = _webhook(row, row.document, user, rules, params)
        if batch.left_out:
            return batch
        records = batch.records
    fields, errors = validate_fields(set_by_staff(row, document or None))
    if fields:
        records = (*records, _command(row, user, fields, rules))
    why = "" if records else "unusable" if errors else "empty"
    return Import(records, why, tuple(errors))


def _is_taken(body: bytes) -> bool:
    """Whether a gateway would put it into the log; nothing else can a worker be expected to read."""
    try:
        return not glance(body, lambda _: None).blank
    except ApiError:
        return False


def _webhook(row: Row, body: bytes, student: str | None, rules: Rules, params: dict[str, str] | None = None) -> Import:
    kept = blotted_body(body, rules.redact) if rules.redact else body
    if len(kept) > rules.max_bytes:
        return Import(left_out="too-large")
    payload = merge(_object(body), params)
    reported = normal_user_id(payload.get("user_id"))
    # Where the payload names somebody the sender is not known any more; where it does not, the LMS has found out who.
    principal = student if reported is None else None
    academy = rules.academy
    if academy is None and academy_of(None, payload) is None:
        academy = rules.default_academy
    headers = RawHeaders(
        params=params or None,
        academy=academy,
        principal=principal,
        permitted=None if reported is None else True,
        receipt=_receipt(row),
    )
    key = student_key(payload, principal)
    return Import((RawRecord(key, kept, encode_headers(headers), _arrival(row)),))


def _command(row: TelemetryRow, user: str, fields: dict[str, Any], rules: Rules) -> RawRecord:
    command = TelemetryCommand("telemetry.upsert", user, row.asset_slug, blotted(fields, rules.redact), rules.academy)
    headers = RawHeaders(
        source="staff",
        academy=rules.academy,
        capabilities=("crud_telemetry",),
        permitted=True,
        receipt=_receipt(row),
    )
    key = student_key({"user_id": user}, None)
    return RawRecord(key, encode_command(command), encode_headers(headers), _arrival(row))


def _arrival(row: Row) -> int:
    # Kafka knows no time before 1970.
    return max(0, row.at // 1000)


def _receipt(row: Row) -> str:
    return webhook_receipt(row.id) if isinstance(row, WebhookRow) else telemetry_receipt(row.id, row.at)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        # The worker says so: it becomes a dead letter.
        return {}
    return value if type(value) is dict else {}
