"""The LMS's rows as they are imported, and how a line of an exported file is read (pure).

A line is a JSON object: a row with its columns' names, as `row_to_json` of PostgreSQL writes it, or one of Django's
`dumpdata --format jsonl`, which has the columns in `fields` and the id in `pk`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from operations.history.deep import cut
from operations.history.errors import HistoryError
from schemas.coercion import as_id
from schemas.times import parse_time
from schemas.wire.staff import parse_duration

__all__ = ["NEVER", "SCORES", "Row", "TelemetryRow", "WebhookRow", "parse_line", "scores_of"]

# The columns of AssignmentTelemetry that say how a student does, in the order in which staff commands have them.
SCORES: Final = (
    "engagement_score",
    "frustration_score",
    "metrics_algo_version",
    "metrics",
    "total_time",
    "completion_rate",
)


# What PostgreSQL may hold in place of an instant, and writes so; it is before every usable one.
NEVER: Final = -(1 << 62)
_OUT_OF_CALENDAR: Final = re.compile(r"-?infinity|\d{5,}-.*|\d{4,}-.* BC")


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of LearnPackWebhook; `at` is its `created_at` in microseconds, `body` its payload as JSON text."""

    id: int
    at: int
    body: bytes
    student: int | None = None
    status: str = ""
    status_text: str = ""


class TelemetryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of AssignmentTelemetry; `at` is its `updated_at` in microseconds, `document` JSON text, None where null.

    `scores` holds those of SCORES that are not null, `total_time` in seconds.
    """

    id: int
    at: int
    user: int
    asset_slug: str
    document: bytes | None
    scores: dict[str, Any]


Row = WebhookRow | TelemetryRow


class _Line(msgspec.Struct):
    """All that a line may have."""

    id: Any = None
    pk: Any = None
    fields: msgspec.Raw = msgspec.Raw()
    payload: msgspec.Raw = msgspec.Raw()
    created_at: Any = ""
    updated_at: Any = ""
    student_id: Any = None
    student: Any = None
    status: Any = None
    status_text: Any = None
    user_id: Any = None
    user: Any = None
    asset_slug: Any = None
    telemetry: msgspec.Raw = msgspec.Raw()
    engagement_score: Any = None
    frustration_score: Any = None
    metrics_algo_version: Any = None
    metrics: Any = None
    total_time: Any = None
    completion_rate: Any = None


_LINES: Final = msgspec.json.Decoder(_Line)


def parse_line(line: bytes) -> Row:
    """The row of a line; raises HistoryError, which says what is wrong with it."""
    try:
        number, read = _decoded(line)
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"it is no JSON object ({error})"
        raise HistoryError(message) from error
    identity = as_id(number)
    if identity is None:
        message = "it has no `id`"
        raise HistoryError(message)
    if read.asset_slug is not None:
        return _telemetry(identity, read)
    if bytes(read.payload):
        return WebhookRow(
            id=identity,
            at=_instant(read.created_at, "created_at"),
            body=bytes(read.payload),
            student=as_id(read.student_id if read.student_id is not None else read.student),
            status=str(read.status or ""),
            status_text=str(read.status_text or ""),
        )
    message = "it has neither `payload`, as a LearnPackWebhook, nor `asset_slug`, as an AssignmentTelemetry"
    raise HistoryError(message)


def _columns(line: bytes) -> tuple[Any, _Line]:
    read = _LINES.decode(line)
    return (read.pk, _LINES.decode(read.fields)) if bytes(read.fields) else (read.id, read)


def _decoded(line: bytes) -> tuple[Any, _Line]:
    """The id and the columns of a line."""
    try:
        return _columns(line)
    except RecursionError:
        # PostgreSQL goes deeper, and of such a payload is said what is said of the database's.
        if (without := cut(line)) is None:
            raise
    number, read = _columns(without.line)
    read.payload = msgspec.Raw(without.restore(bytes(read.payload)))
    read.telemetry = msgspec.Raw(without.restore(bytes(read.telemetry)))
    if not without.is_whole:
        read.metrics = None
    return number, read


def scores_of(values: dict[str, Any]) -> dict[str, Any]:
    """Those of SCORES that are not null, `total_time` in seconds; what is no number or object counts as null."""
    scores: dict[str, Any] = {}
    for name in SCORES:
        value = values.get(name)
        if name == "total_time":
            value = parse_duration(value)
        elif name == "metrics":
            value = value if type(value) is dict and value else None
        elif type(value) is not int and type(value) is not float:
            value = None
        if value is not None:
            scores[name] = value
    return scores


def _telemetry(identity: int, read: _Line) -> TelemetryRow:
    user = as_id(read.user_id if read.user_id is not None else read.user)
    if user is None:
        message = "it has no `user_id`"
        raise HistoryError(message)
    document = bytes(read.telemetry)
    return TelemetryRow(
        id=identity,
        at=_instant(read.updated_at, "updated_at"),
        user=user,
        asset_slug=str(read.asset_slug),
        document=None if document in {b"", b"null"} else document,
        scores=scores_of({name: getattr(read, name) for name in SCORES}),
    )


def _instant(value: Any, name: str) -> int:
    if value is None or (type(value) is str and _OUT_OF_CALENDAR.fullmatch(value)):
        return NEVER
    at = parse_time(value) if type(value) is str else None
    if at is None:
        message = f"its `{name}` is no ISO 8601 date"
        raise HistoryError(message)
    return at
