"""The LMS's rows out of its PostgreSQL, page by page: no transaction is held open, nothing is locked or written.

Keys and sizes come first, then the rows of so many keys as are no more than a page: of documents that are many times
larger than others only a page's are held in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, LiteralString, NamedTuple

from operations.history.rows import TelemetryRow, WebhookRow, scores_of
from operations.history.sources import EARLIEST, MOST_AHEAD, Survey
from operations.postgres import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import psycopg

    from operations.history.sources import Position, Span

__all__ = ["TELEMETRY_TABLE", "WEBHOOKS_TABLE", "LmsDatabase"]

# As Django names the tables of BreatheCode's application `assignments`.
WEBHOOKS_TABLE: Final = "assignments_learnpackwebhook"
TELEMETRY_TABLE: Final = "assignments_assignmenttelemetry"

_PAGE_ROWS: Final = 500
# As PostgreSQL stores them, which may be a tenth of what they are.
_PAGE_BYTES: Final = 2 << 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ID: Final = (1 << 63) - 1
# A row whose transaction is not over yet is not seen, and one with a higher id may be: so each waits for a minute, and
# what has a higher id than one that waits waits with it. A run has one end, or one kind would overtake the other.
_ENDS: Final = """
SELECT now() - interval '1 minute', now() + %s * interval '1 microsecond', min(id) FROM {table}
WHERE created_at >= now() - interval '1 minute' AND created_at < now() + %s * interval '1 microsecond'
"""
_FIRST_TO_WAIT: Final = "SELECT min(created_at) FROM {table} WHERE id >= %s AND created_at >= %s AND created_at < %s"
_COUNT_WEBHOOKS: Final = """
SELECT count(*) FILTER (WHERE timed AND id > %(after)s),
    floor(extract(epoch FROM min(created_at) FILTER (WHERE timed AND id > %(after)s)) * 1000000)::bigint,
    count(*) FILTER (WHERE id > %(after)s AND (created_at >= %(earliest)s AND created_at < %(ahead)s) IS NOT TRUE),
    count(*) FILTER (WHERE timed AND id <= %(after)s),
    count(*) FILTER (WHERE timed AND id <= %(after)s AND id < %(first)s)
FROM (SELECT id, created_at, created_at >= %(since)s AND created_at < %(until)s AS timed FROM {table}
    WHERE id < %(waits)s) AS webhooks
"""
_WAITING_WEBHOOKS: Final = (
    "SELECT count(*) FROM {table} WHERE id >= %s AND id > %s AND created_at >= %s AND created_at < %s"
)
_WEBHOOK_KEYS: Final = """
SELECT id, coalesce(pg_column_size(payload), 0) FROM {table}
WHERE id > %s AND id < %s AND created_at >= %s AND created_at < %s ORDER BY id LIMIT 10000
"""
_WEBHOOKS: Final = """
SELECT id, floor(extract(epoch FROM created_at) * 1000000)::bigint, payload::text, student_id, status, status_text
FROM {table} WHERE id = ANY(%s) ORDER BY id
"""
_COUNT_TELEMETRY: Final = """
SELECT count(*) FILTER (WHERE timed AND later),
    floor(extract(epoch FROM min(updated_at) FILTER (WHERE timed AND later)) * 1000000)::bigint,
    count(*) FILTER (WHERE (updated_at >= %(earliest)s AND updated_at < %(ahead)s) IS NOT TRUE),
    count(*) FILTER (WHERE timed AND NOT later),
    count(*) FILTER (WHERE timed AND NOT later AND updated_at < %(first)s)
FROM (SELECT updated_at, updated_at >= %(since)s AND updated_at < %(until)s AS timed,
    (updated_at, id) > (%(at)s, %(after)s) AS later FROM {table}) AS telemetry
"""
_TELEMETRY_KEYS: Final = """
SELECT id, coalesce(pg_column_size(telemetry), 0), updated_at FROM {table}
WHERE (updated_at, id) > (%s, %s) AND updated_at >= %s AND updated_at < %s ORDER BY updated_at, id LIMIT 10000
"""
_WAITING_TELEMETRY: Final = """
SELECT count(*) FROM {table} WHERE updated_at >= %s AND (updated_at, id) > (%s, %s) AND updated_at < %s
"""
# A row that was stored again since its key was read comes later, by its new time: else it would be the position, and
# all rows between would be behind it.
_TELEMETRY: Final = """
SELECT t.id, floor(extract(epoch FROM t.updated_at) * 1000000)::bigint, t.user_id, t.asset_slug, t.telemetry::text,
    t.engagement_score, t.frustration_score, t.metrics_algo_version, t.metrics,
    extract(epoch FROM t.total_time)::float8, t.completion_rate
FROM {table} AS t JOIN unnest(%s::bigint[], %s::timestamptz[]) AS keys (id, updated_at)
    ON t.id = keys.id AND t.updated_at = keys.updated_at
ORDER BY t.updated_at, t.id
"""


class _Ends(NamedTuple):
    """What a run ends before: instants of webhooks and documents, a webhook's id; and when times are too far ahead."""

    webhooks: datetime
    documents: datetime
    waits: int
    ahead: datetime


class LmsDatabase:
    """A source of rows (operations.history.sources.Source); every method raises psycopg's errors, see `reading`."""

    def __init__(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        *,
        webhooks_table: str = WEBHOOKS_TABLE,
        telemetry_table: str = TELEMETRY_TABLE,
    ) -> None:
        self._connection = connection
        self._webhooks = webhooks_table
        self._telemetry = telemetry_table
        self._known_ends: _Ends | None = None

    def survey(self, span: Span, after: Position) -> Survey:
        """Count the rows behind a position."""
        ends = self._ends()
        since, until = _bounds(span, ends.webhooks)
        values = {"since": since, "until": until, "earliest": _moment(EARLIEST), "ahead": ends.ahead}
        of_webhooks = {"after": after.webhook, "first": _least(after.first_webhook), "waits": ends.waits}
        ((webhooks, first, *counted),) = self._rows(_COUNT_WEBHOOKS, self._webhooks, values | of_webhooks)
        of_telemetry = {
            "until": _bounds(span, ends.documents)[1],
            "at": _moment(after.telemetry_at),
            "after": after.telemetry,
            "first": _moment(_least(after.first_telemetry_at)),
        }
        ((telemetry, second, *more),) = self._rows(_COUNT_TELEMETRY, self._telemetry, values | of_telemetry)
        known = [instant for instant in (first, second) if instant is not None]
        untimed, passed, missed = (one + other for one, other in zip(counted, more, strict=True))
        waiting = self._waiting(span, after)
        return Survey(webhooks, telemetry, min(known, default=None), untimed, passed, missed, waiting)

    def webhooks(self, span: Span, after: int) -> Iterator[WebhookRow]:
        """Those behind an id, by id."""
        waits, bounds = self._ends().waits, _bounds(span, self._ends().webhooks)
        while keys := self._rows(_WEBHOOK_KEYS, self._webhooks, (after, waits, *bounds)):
            for page in _pages(keys):
                ids = [number for number, *_ in page]
                for number, at, body, student, status, text in self._rows(_WEBHOOKS, self._webhooks, (ids,)):
                    yield WebhookRow(
                        id=number,
                        at=at,
                        body=b"null" if body is None else body.encode(),
                        student=student,
                        status=status or "",
                        status_text=text or "",
                    )
            after = keys[-1][0]

    def telemetry(self, span: Span, after: tuple[int, int]) -> Iterator[TelemetryRow]:
        """Those behind an instant and id, in this order; what is stored again meanwhile is left to the next run."""
        bounds, reached = _bounds(span, self._ends().documents), (_moment(after[0]), after[1])
        while keys := self._rows(_TELEMETRY_KEYS, self._telemetry, (*reached, *bounds)):
            for page in _pages(keys):
                ids, times = [key[0] for key in page], [key[2] for key in page]
                for row in self._rows(_TELEMETRY, self._telemetry, (ids, times)):
                    yield _telemetry_row(row)
            reached = (keys[-1][2], keys[-1][0])

    def _waiting(self, span: Span, after: Position) -> int:
        """How many rows of the span are left to the next run."""
        ends = self._ends()
        since, until = _bounds(span, ends.ahead)
        ((webhooks,),) = self._rows(_WAITING_WEBHOOKS, self._webhooks, (ends.waits, after.webhook, since, until))
        documents = (max(since, ends.documents), _moment(after.telemetry_at), after.telemetry, until)
        ((telemetry,),) = self._rows(_WAITING_TELEMETRY, self._telemetry, documents)
        return int(webhooks + telemetry)

    def _ends(self) -> _Ends:
        if self._known_ends is None:
            ahead_by = (MOST_AHEAD, MOST_AHEAD)
            ((webhooks, ahead, waits),) = self._rows(_ENDS, self._webhooks, ahead_by)
            documents = webhooks
            if waits is not None:
                # Documents that came behind webhooks which wait have to wait with them.
                ((first,),) = self._rows(_FIRST_TO_WAIT, self._webhooks, (waits, _moment(EARLIEST), ahead))
                documents = min(documents, first or documents)
            self._known_ends = _Ends(webhooks, documents, _MOST_ID if waits is None else waits, ahead)
        return self._known_ends

    def _rows(
        self, statement: LiteralString, table: str, values: Sequence[Any] | Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        from psycopg import sql  # noqa: PLC0415 - an extra

        query = sql.SQL(statement).format(table=identifier(table))
        return self._connection.execute(query, values).fetchall()


def _telemetry_row(row: tuple[Any, ...]) -> TelemetryRow:
    number, at, user, slug, document, *values = row
    engagement, frustration, version, metrics, seconds, completion = values
    scores = {
        "engagement_score": engagement,
        "frustration_score": frustration,
        "metrics_algo_version": version,
        "metrics": metrics,
        "total_time": seconds,
        "completion_rate": completion,
    }
    return TelemetryRow(
        id=number,
        at=at,
        user=user,
        asset_slug=slug,
        document=document.encode() if document and document != "null" else None,
        scores=scores_of(scores),
    )


def _bounds(span: Span, end: datetime) -> tuple[datetime, datetime]:
    return (
        _moment(EARLIEST if span.since is None else max(EARLIEST, span.since)),
        end if span.until is None else min(end, _moment(span.until)),
    )


def _least(first: int | None) -> int:
    return -_MOST_ID if first is None else first


def _moment(micros: int) -> datetime:
    """The instant for PostgreSQL; what lies before its calendar is before every row."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _pages(keys: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    page: list[tuple[Any, ...]] = []
    held = 0
    for key in keys:
        size = key[1]
        if page and (held + size > _PAGE_BYTES or len(page) == _PAGE_ROWS):
            yield page
            page, held = [], 0
        page.append(key)
        held += size
    if page:
        yield page
