"""The texts of the questions about webhooks, by bound parameters only (docs/insights.md has plain ones)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.wire.place import place_at

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LEDGER",
    "MINUTES",
    "OVERDUE",
    "STORED_ENDS",
    "TRACE",
    "TRACE_FACTS",
    "TRACE_LATER",
    "TRACE_LETTERS",
    "TRACE_PAIRS",
    "TRACE_PENDING",
    "TRACE_STATES",
    "TRACE_TOLD",
    "stored_since",
]

# Webhooks that were sent for an academy or are of its members, by minute of arrival: what the view `webhook_log` has,
# without reading the ids of a month. What became of a webhook has its time of arrival, a deletion a later one.
MINUTES: Final = """
SELECT
    toStartOfMinute(created_at, 'UTC') AS minute,
    count() AS received,
    countIf(verdict = 'stored') AS stored,
    countIf(verdict = 'ignored') AS ignored,
    countIf(verdict = 'duplicate') AS duplicate,
    countIf(verdict = 'stale') AS stale,
    countIf(verdict = 'error') AS error,
    countIf(verdict = 'dead') AS dead,
    countIf(status = 'PENDING') AS pending,
    max(created_at) AS newest
FROM
(
    -- By id, which is the table's order: else all of a month would be brought together.
    SELECT created_at, verdict, status FROM webhooks
    WHERE id IN (SELECT id FROM outcome_versions WHERE created_at >= subtractMinutes(now(), {minutes:UInt32}))
        AND created_at >= subtractMinutes(now(), {minutes:UInt32}) AND source != 'staff'
        AND (has(academy_ids, {academy:UInt64}) OR student_id IN {members:Array(UInt64)})
    UNION ALL
    SELECT received_at, '', 'PENDING' FROM raw FINAL
    PREWHERE id IN
    (
        -- Nearly none wait: only those that do are brought together.
        SELECT id FROM raw
        WHERE received_at >= subtractMinutes(now(), {minutes:UInt32}) AND source != 'staff'
            AND id NOT IN
                (SELECT id FROM outcome_versions WHERE created_at >= subtractMinutes(now(), {minutes:UInt32} + 60))
    )
    WHERE received_at >= subtractMinutes(now(), {minutes:UInt32}) AND source != 'staff'
        AND academy_id = {academy:UInt64}
)
GROUP BY minute ORDER BY minute
LIMIT 2000
"""

# What the view `ledger` has of its last days, without reading the others: by the days around, and so that ids of both
# sides are compared as sets. What arrived and what became of it have the same time (sinks/ddl/views/117).
LEDGER: Final = """
WITH
    subtractDays(today(), {days:UInt16} + 1) AS oldest,
    (SELECT groupBitmapState(id) FROM raw WHERE received_at >= oldest AND source != 'staff') AS came,
    (SELECT groupBitmapState(id) FROM outcome_versions WHERE created_at >= oldest) AS told
SELECT
    day,
    countIf(arrived) AS received,
    countIf(verdict = 'stored') AS stored,
    countIf(verdict = 'ignored') AS ignored,
    countIf(verdict = 'duplicate') AS duplicate,
    countIf(verdict = 'stale') AS stale,
    countIf(verdict = 'error') AS error,
    countIf(verdict = 'dead') AS dead,
    countIf(verdict = '') AS pending,
    toInt64(received) - toInt64(stored + ignored + duplicate + stale + error + dead + pending) AS difference
FROM
(
    SELECT
        toDate(created_at) AS day, verdict,
        id NOT IN (SELECT arrayJoin(bitmapToArray(bitmapAndnot(told, came)))) OR created_at >= now() - INTERVAL 1 MINUTE
            AS arrived
    FROM webhooks
    WHERE created_at >= oldest AND source != 'staff' AND academy_ids[1] = {academy:UInt64}
    UNION ALL
    SELECT toDate(received_at), '', 1 FROM raw FINAL
    PREWHERE id IN (SELECT arrayJoin(bitmapToArray(bitmapAndnot(came, told))))
    WHERE received_at >= oldest AND source != 'staff' AND ifNull(academy_id, 0) = {academy:UInt64}
)
WHERE day > today() - {days:UInt16}
GROUP BY day
ORDER BY day LIMIT 400
"""

_TRACED: Final = """
    {row}.id AS id, receipt, source, if(r.version IS NULL, NULL, length(payload)) AS payload_bytes,
    leftUTF8(event, 200) AS shown_event,
    is_streaming, student_id, leftUTF8(package_slug, 200) AS shown_package, asset_id, status,
    leftUTF8(status_text, 2000) AS shown_text, verdict, {received} AS received_at, updated_at,
    has(academy_ids, {academy:UInt64}) AS named, r.version AS place
"""

# Webhooks of the ledger's days that wait since before the last minutes, and so are in none of them.
OVERDUE: Final = """
SELECT count() AS webhooks FROM raw FINAL
WHERE received_at >= subtractDays(today(), {days:UInt16} - 1) AND received_at < subtractMinutes(now(), {minutes:UInt32})
    AND source != 'staff' AND academy_id = {academy:UInt64}
    AND id NOT IN (SELECT id FROM outcome_versions WHERE created_at >= subtractDays(today(), {days:UInt16}))
"""

# What became of a webhook, whosever it is, and where its record stands in the raw topic: null where `raw` lacks it.
TRACE: Final = f"""
SELECT {_TRACED.replace("{row}", "w").replace("{received}", "if(r.version IS NULL, created_at, r.arrived_at)")},
    w.version AS written_version
FROM (SELECT * FROM webhooks WHERE id = {{id:UInt64}} AND source != 'staff') AS w
LEFT JOIN
(
    SELECT id, receipt, payload, received_at AS arrived_at, toNullable(version) AS version
    FROM raw FINAL WHERE id = {{id:UInt64}}
) AS r ON r.id = w.id
"""  # noqa: S608 - constants only

# The same of a webhook without an outcome, which the log tells from one that was deleted by reading all ids.
TRACE_PENDING: Final = f"""
SELECT {_TRACED.replace("{row}", "l").replace("{received}", "l.received_at")}
FROM webhook_log AS l
LEFT JOIN (SELECT id, toNullable(version) AS version FROM raw FINAL WHERE id = {{id:UInt64}}) AS r ON r.id = l.id
WHERE l.id = {{id:UInt64}}
"""  # noqa: S608 - as above

# Its items as they were written, which all rows of facts are looked through for.
_ITEMS: Final = "SELECT item_id FROM event_versions WHERE webhook_id = {id:UInt64}"

# Of a webhook whose outcome has expired, or comes yet, what its facts and its own row say, while there is one.
TRACE_TOLD: Final = """
SELECT
    f.id AS id, r.receipt AS receipt, if(r.version IS NULL, NULL, r.source) AS source,
    if(r.version IS NULL, NULL, length(r.payload)) AS payload_bytes, NULL AS shown_event, NULL AS is_streaming,
    f.student AS student_id, NULL AS shown_package, NULL AS asset_id, 'PENDING' AS status, NULL AS shown_text,
    '' AS verdict, f.arrived AS received_at, f.named AS named, r.version AS place
FROM
(
    SELECT
        webhook_id AS id, any(user_id) AS student, min(events.received_at) AS arrived,
        max(ifNull(academy_id = {academy:UInt64}, 0)) AS named
    FROM events WHERE webhook_id = {id:UInt64} AND item_id IN ({items}) GROUP BY webhook_id
) AS f
LEFT JOIN
(
    SELECT id, receipt, source, payload, toNullable(version) AS version FROM raw FINAL WHERE id = {id:UInt64}
) AS r ON r.id = f.id
""".replace("{items}", _ITEMS)

# Whether a partition's webhooks that are kept all came later than this one.
TRACE_LATER: Final = """
SELECT
    (SELECT count() FROM (SELECT id FROM outcome_versions WHERE id BETWEEN {first:UInt64} AND {id:UInt64} LIMIT 1))
    + (SELECT count() FROM (SELECT id FROM raw WHERE id BETWEEN {first:UInt64} AND {id:UInt64} LIMIT 1)) AS earlier,
    (SELECT count() FROM (SELECT id FROM outcome_versions WHERE id BETWEEN {id:UInt64} AND {last:UInt64} LIMIT 1))
    + (SELECT count() FROM (SELECT id FROM raw WHERE id BETWEEN {id:UInt64} AND {last:UInt64} LIMIT 1)) AS later
"""

TRACE_FACTS: Final = """
SELECT
    event, leftUTF8(step_slug, 500) AS step, leftUTF8(asset_slug, 500) AS asset, leftUTF8(actor, 500) AS student,
    count() AS facts
FROM events WHERE webhook_id = {id:UInt64} AND item_id IN ({items})
GROUP BY ALL ORDER BY ALL LIMIT {limit:UInt32}
""".replace("{items}", _ITEMS)

# The students and tutorials that its facts are about.
TRACE_PAIRS: Final = """
SELECT DISTINCT actor, asset_slug FROM events
WHERE webhook_id = {id:UInt64} AND item_id IN ({items}) LIMIT {limit:UInt32}
""".replace("{items}", _ITEMS)

# What it changed last, and the states that its facts are about, whoever changed those since.
TRACE_STATES: Final = """
SELECT
    leftUTF8(actor, 500) AS student, leftUTF8(asset_slug, 500) AS asset, version, version = {version:UInt64} AS by_it,
    updated_at AS changed_at
FROM {table:Identifier}
WHERE version = {version:UInt64}
    OR (actor, asset_slug) IN (SELECT actor, slug
        FROM (SELECT {actors:Array(String)} AS actors, {tutorials:Array(String)} AS slugs)
        ARRAY JOIN actors AS actor, slugs AS slug)
ORDER BY ALL LIMIT {limit:UInt32}
"""

TRACE_LETTERS: Final = """
SELECT id, stage, leftUTF8(reason, 2000) AS why, resolution, received_at FROM dead_letters
WHERE topic = {topic:String} AND partition = {partition:Int32} AND offset IN {offsets:Array(Int64)}
ORDER BY id LIMIT {limit:UInt32}
"""

# How far outcomes are stored in each partition of the raw topic: an id is a place in it.
STORED_ENDS: Final = """
SELECT toUInt32(bitShiftRight(id, 40)) AS partition, max(id) AS last FROM webhooks GROUP BY partition LIMIT 10000
"""

_STORED: Final = """
SELECT
    id, is_streaming, leftUTF8(event, 200) AS event, academy_ids, student_id, asset_id,
    leftUTF8(package_slug, 200) AS package, status, leftUTF8(status_text, 2000) AS text, verdict, created_at, updated_at
FROM webhooks
WHERE source != 'staff' AND ({places})
ORDER BY id LIMIT 200 BY bitShiftRight(id, 40)
"""


def stored_since(ends: Mapping[int, int]) -> tuple[str, dict[str, int]]:
    """The question for outcomes that come after these ids, by partition, and its parameters.

    The table is ordered by id, so that only what is new is read; of a partition at most 200 at once. Of partitions that
    have no id here it is all, wherever they stand between the others.
    """
    parameters: dict[str, int] = {}
    places: list[str] = []
    after = -1
    for number, (partition, last) in enumerate(sorted(ends.items())):
        parameters |= {f"from{number}": after + 1, f"until{number}": place_at(partition, 0)}
        places.append(f"id >= {{from{number}:UInt64}} AND id < {{until{number}:UInt64}}")
        after = last
    parameters["from"] = after + 1
    places.append("id >= {from:UInt64}")
    return _STORED.replace("{places}", " OR ".join(places)), parameters
