"""Where a webhook is and what it did: its record, its rows, and what it still waits for."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from broker import clients
from broker.committed import committed_before
from broker.lookup import open_reader
from broker.partitioning import topic_partitions
from operations.clickhouse import connected
from operations.cut import MOST_ROWS, cut, cut_text
from operations.retention import days_kept, days_stored
from operations.wording import counted
from schemas.errors import OperatorError
from schemas.times import sql_time
from schemas.wire.place import OFFSET_MASK, split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.days_kept import DaysKept
    from schemas.settings import Settings

__all__ = ["Trace", "TraceError", "no_outcome", "no_row", "nothing_of", "trace_webhook"]

_RAW: Final = """
SELECT version, toString(received_at) AS received_at, academy_id, principal, source, receipt, length(payload) AS bytes
FROM raw FINAL WHERE id = {id:UInt64}
"""
_OUTCOME: Final = f"""
SELECT {cut("event")}, status, verdict, {cut("status_text", 2000)}, student_id, asset_id, {cut("package_slug")},
    academy_ids,
    toString(created_at) AS created_at, toString(updated_at) AS updated_at, version
FROM webhooks WHERE id = {{id:UInt64}}
"""  # noqa: S608 - columns and limits are our own
# One row more than are shown tells that there are more.
_FACTS: Final = f"""
SELECT {cut("event")}, {cut("step_slug")}, {cut("asset_slug")}, {cut("actor")}, count() AS facts
FROM events WHERE webhook_id = {{id:UInt64}}
GROUP BY ALL ORDER BY ALL LIMIT {MOST_ROWS + 1}
"""  # noqa: S608 - columns and limits are our own
# What it changed last, and the states that its facts are about, whoever changed those since.
_STATES: Final = f"""
SELECT {cut("actor")}, {cut("asset_slug")}, version, updated_at, by_it, later
FROM
(
    SELECT actor, asset_slug, version, toString(updated_at) AS updated_at, version = {{version:UInt64}} AS by_it,
        version > {{version:UInt64}} AS later
    FROM {{table:Identifier}}
    WHERE version = {{version:UInt64}}
        OR (actor, asset_slug) IN (SELECT actor, asset_slug FROM events WHERE webhook_id = {{id:UInt64}})
    ORDER BY ALL LIMIT {MOST_ROWS + 1}
)
"""  # noqa: S608 - columns and limits are our own
_LETTERS: Final = f"""
SELECT id, stage, {cut("reason", 2000)}, resolution FROM dead_letters
WHERE topic = {{topic:String}} AND partition = {{partition:Int32}} AND offset IN {{offsets:Array(Int64)}}
ORDER BY id LIMIT {MOST_ROWS + 1}
"""  # noqa: S608 - columns and limits are our own


class TraceError(OperatorError, LookupError):
    """No topic and no table knows the webhook."""


@dataclass(slots=True)
class Trace:
    """What is known of a webhook; None and empty where a topic or table does not have it.

    `record` is its record in the raw topic, or `topic_days` for how long that keeps any (None: for ever, or not told
    to the asker), `raw` and `outcome` its rows, `facts` those that it told first, by step,
    `scores` and `documents` the rows that it or a later webhook left, `waits_for` what must happen yet. Long texts end
    with `…`, and of each kind of rows at most MOST_ROWS are there; `more` names the kinds of which there are more.
    """

    id: int
    partition: int
    offset: int
    record: dict[str, Any] | None = None
    topic_days: int | None = None
    raw: dict[str, Any] | None = None
    outcome: dict[str, Any] | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    waits_for: str = ""
    more: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


async def trace_webhook(settings: Settings, webhook: int) -> Trace:
    """Look for a webhook everywhere.

    Raises TraceError if there is no such webhook or nothing of it is kept, and the errors of Kafka and ClickHouse.
    """
    # A copy or a retry does not lie where its id says; its row knows where.
    trace = Trace(webhook, *split_place(webhook))
    kept = await asyncio.to_thread(_rows, settings, trace)
    begin = await _record(settings, trace)
    if trace.record is None:
        trace.topic_days = await _topic_days(settings)
    if trace.record is None and trace.raw is None and trace.outcome is None:
        # Facts are kept for ever, and letters: they may be all that is left.
        if not trace.facts and not trace.dead_letters:
            raise TraceError(nothing_of(trace, Topics.of(settings).raw, begin))
        trace.waits_for = "nothing: its record, its row in `raw` and its outcome have expired"
    elif trace.outcome is None:
        trace.waits_for = await _waits_for(settings, trace, kept)
    elif trace.raw is None:
        trace.waits_for = no_row(trace.outcome["created_at"], kept.raw, datetime.now(UTC))
    return trace


def _rows(settings: Settings, trace: Trace) -> DaysKept:
    """Fill in what the tables know; returns how long they keep it."""
    client = connected(settings)
    with contextlib.closing(client):
        parameters = {"id": trace.id}
        trace.raw = _first(client, _RAW, parameters)
        if trace.raw is not None:
            trace.partition, trace.offset = split_place(int(trace.raw["version"]))
        trace.outcome = _first(client, _OUTCOME, parameters)
        # What it wrote has the version of its outcome: in a copied log that is not where it lies.
        version = trace.id if trace.outcome is None else int(trace.outcome["version"])
        trace.facts = _some(trace, "facts", _all(client, _FACTS, parameters))
        scores = _all(client, _STATES, {**parameters, "version": version, "table": "scores"})
        trace.scores = _some(trace, "scores", scores)
        documents = _all(client, _STATES, {**parameters, "version": version, "table": "telemetry"})
        trace.documents = _some(trace, "documents", documents)
        offsets = sorted({trace.offset, trace.id & OFFSET_MASK})
        origin = {"topic": Topics.of(settings).raw, "partition": trace.partition, "offsets": offsets}
        trace.dead_letters = _some(trace, "dead letters", _all(client, _LETTERS, origin))
        return days_stored(client, settings)


def _all(client: Client, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.query(query, parameters=parameters).named_results())


def _some(trace: Trace, kind: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(rows) > MOST_ROWS:
        trace.more.append(kind)
    return rows[:MOST_ROWS]


def _first(client: Client, query: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
    rows = _all(client, query, parameters)
    return rows[0] if rows else None


async def _record(settings: Settings, trace: Trace) -> int | None:
    """Fill in what the raw topic knows; returns the offset at which the partition begins where it has no record."""
    raw = Topics.of(settings).raw
    async with open_reader(settings) as reader:
        record = await reader.fetch(raw, trace.partition, trace.offset)
        if record is None:
            return await reader.begin(raw, trace.partition)
    trace.record = {
        "arrived": sql_time(record.timestamp),
        "key": cut_text((record.key or b"").decode("utf-8", "replace")),
        "bytes": len(record.value or b""),
        "headers": {name: cut_text(value.decode("utf-8", "replace")) for name, value in record.headers[:MOST_ROWS]},
    }
    return None


def nothing_of(trace: Trace, topic: str, begin: int | None) -> str:
    """Why nothing is known of a webhook, whose partition of the raw topic begins at this offset, if there is one."""
    if begin is None or trace.offset >= begin:
        place = f"{topic}[{trace.partition}]@{trace.offset}"
        return f"no webhook {trace.id}: neither {place} nor a row of that id is there."
    kept = "" if trace.topic_days is None else f", for records are kept for {counted(trace.topic_days, 'day')}"
    log = f"{topic}[{trace.partition}] begins at offset {begin}{kept}"
    return f"webhook {trace.id} has expired: {log}, and no row of that id is left."


async def _topic_days(settings: Settings) -> int | None:
    """The days that the raw topic keeps; None where it keeps all, is not there, or the asker may not know."""
    raw = Topics.of(settings).raw
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return (await days_kept(admin, [raw])).get(raw) if raw in await topic_partitions(admin) else None


async def _waits_for(settings: Settings, trace: Trace, kept: DaysKept) -> str:
    topics = Topics.of(settings)
    source = TopicPartition(topics.raw, trace.partition)
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        reached = (await committed_before(admin, topics.application, [source]))[source]
    before = trace.offset - reached
    if before >= 0:
        return f"the worker: {counted(before, 'record')} of partition {trace.partition} before it"
    found = trace.record["arrived"] if trace.record is not None else (trace.raw or {}).get("received_at")
    return no_outcome(found, kept.outcomes, datetime.now(UTC))


def no_outcome(arrived: str | None, days: int | None, now: datetime) -> str:
    """Why no outcome is stored of a webhook that was processed and arrived then, in UTC; they are kept so many days."""
    if days is not None and _is_older(arrived, days, now):
        return f"nothing: its outcome has expired, for outcomes are kept for {counted(days, 'day')}"
    return "the sink: the worker has processed it, its outcome is not stored yet"


def no_row(arrived: str | None, days: int | None, now: datetime) -> str:
    """Why a webhook that has an outcome has no row in `raw`, which keeps rows for so many days."""
    if days is not None and _is_older(arrived, days, now):
        return f"nothing: its row in `raw` has expired, which keeps rows for {counted(days, 'day')}"
    return "the sink: its row in `raw` is not stored yet"


def _is_older(arrived: str | None, days: int, now: datetime) -> bool:
    """Whether something that came then, as tables show it, is older than so many days."""
    if arrived is None:
        return False
    return datetime.fromisoformat(arrived).replace(tzinfo=UTC) < now - timedelta(days=days)
