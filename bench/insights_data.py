"""Rows of a school of made-up students, put straight into the tables: what a month of a sink would have left there."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect

from schemas.wire.place import place_at

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ACADEMY", "School", "fill"]

ACADEMY: Final = 1
TUTORIALS: Final = 20
STEPS: Final = 30
DAYS: Final = 30
_PARTITIONS: Final = 8
# Beside those that are sent to: whoever listens is told of what is stored behind the last of each partition.
_FIRST_PARTITION: Final = 64
# Rows of an insert: sinks' are as large when they catch up, and leave as many parts.
_BLOCK: Final = 50_000
_FIRST_OFFSET: Final = 1_000_000
# Of a webhook, `came` is how many came before it.
_PLACE: Final = (
    f"bitShiftLeft(toUInt64({_FIRST_PARTITION} + came % {_PARTITIONS}), 40) + {_FIRST_OFFSET}"
    f" + intDiv(came, {_PARTITIONS})"
)

# `n` counts facts and webhooks; whatever is random is a hash of it. More happened lately than long ago. A fact has the
# time of its webhook, and rows are put in by order of arrival, as sinks do.
_AGO: Final = f"toUInt32(pow(1 - came / {{webhooks:UInt64}}, 2) * {DAYS} * 86400)"
_AT: Final = f"{{now:DateTime64(3, 'UTC')}} - toIntervalSecond({_AGO})"
_STUDENT: Final = "1 + cityHash64(n, 's') % {students:UInt64}"
_TUTORIAL: Final = f"concat('tutorial-', toString((student * 7 + cityHash64(n, 'a') % 3) % {TUTORIALS}))"

_EVENTS: Final = f"""
INSERT INTO {{database:Identifier}}.events
    (event, occurred_at, received_at, academy_id, user_id, actor, telemetry_id, asset_slug, step_slug, step_position,
     exit_code, succeeded, duration_ms, error_type, source, properties, webhook_id, ordinal, item_id, version)
WITH
    {_STUDENT} AS student,
    ['open_step', 'compile', 'test', 'complete_step', 'compile', 'ai_interaction', 'compile', 'quiz_submission', 'test',
     'test'][n % 10 + 1] AS name,
    name IN ('compile', 'test', 'quiz_submission') AS is_try,
    cityHash64(n, 'ok') % 3 AS failed,
    cityHash64(n, 'step') % {STEPS} AS place,
    least(intDiv(n * {{webhooks:UInt64}}, {{facts:UInt64}}), {{webhooks:UInt64}} - 1) AS came,
    {_AT} AS at
SELECT
    name, at, at, {ACADEMY}, student, toString(student), concat('run-', toString(student)), {_TUTORIAL},
    concat('step-', toString(place)), place, if(is_try, toInt64(failed > 0), NULL), if(is_try, failed = 0, NULL), 800,
    if(is_try AND failed > 0, 'TypeError', ''), if(n % 4 = 0, 'stream', 'batch'), '{{"attempt": 2, "agent": "vscode"}}',
    {_PLACE}, 0,
    n, n
FROM (SELECT {{first:UInt64}} + number AS n FROM numbers({{rows:UInt64}}))
"""  # noqa: S608 - constants only

_ARRIVED: Final = f"n AS came, {_PLACE} AS id, {_AT} AS at"

_RAW: Final = f"""
INSERT INTO {{public:Identifier}}.raw
    (id, received_at, academy_id, source, params, payload, receipt, version, key, headers)
WITH {_STUDENT} AS student, {_ARRIVED}
SELECT
    id, at, {ACADEMY}, 'learnpack', '{{}}',
    concat('{{"event": "compile", "user_id": ', toString(student), ', "data": "', hex(randomString(150)), '"}}'),
    toString(generateUUIDv4()), id, toString(student), [('source', 'learnpack')]
FROM (SELECT {{first:UInt64}} + number AS n FROM numbers({{rows:UInt64}}))
"""  # noqa: S608 - as above

_WEBHOOKS: Final = f"""
INSERT INTO {{database:Identifier}}.webhooks
    (id, is_streaming, event, academy_ids, student_id, package_slug, status, status_text, verdict, source, created_at,
     updated_at, version)
WITH
    {_STUDENT} AS student, {_ARRIVED},
    ['stored', 'stored', 'stored', 'stored', 'stored', 'stored', 'stored', 'ignored', 'duplicate', 'error'][n % 10 + 1]
        AS told
SELECT
    id, 1, 'compile', [{ACADEMY}], student, {_TUTORIAL},
    multiIf(told = 'stored', 'DONE', told = 'error', 'ERROR', 'IGNORED'), if(told = 'stored', 'OK', 'why not'), told,
    'learnpack', at, at, id
FROM (SELECT {{first:UInt64}} + number AS n FROM numbers({{rows:UInt64}}))
"""  # noqa: S608 - as above

# Three tutorials of each student.
_PAIRS: Final = f"""
WITH
    1 + intDiv(n, 3) AS student,
    concat('tutorial-', toString((student * 7 + n % 3) % {TUTORIALS})) AS slug,
    cityHash64(n, 'score') % 100 AS score
"""

_SCORES: Final = f"""
INSERT INTO {{database:Identifier}}.scores
    (user_id, actor, asset_slug, telemetry_id, engagement_score, frustration_score, completion_rate, total_time_seconds,
     metrics_algo_version, metrics, updated_at, version)
{_PAIRS}
SELECT student, toString(student), slug, concat('run-', toString(student)), score, 100 - score, score, 600, 1.0,
    repeat('{{"steps": 1}}', 100), now64(3) - toIntervalMinute(n % 43200), n
FROM (SELECT number AS n FROM numbers({{rows:UInt64}}))
"""  # noqa: S608 - as above

_STUDENT_DAYS: Final = f"""
INSERT INTO {{database:Identifier}}.student_day
    (day, asset_slug, user_id, actor, engagement_score, frustration_score, completion_rate, updated_at, version)
{_PAIRS}
SELECT today() - arrayJoin(range(0, {DAYS}, 5)) AS on_day, slug, student, toString(student), score, 100 - score, score,
    toDateTime64(on_day, 3, 'UTC'), n
FROM (SELECT number AS n FROM numbers({{rows:UInt64}}))
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class School:
    """How many students there are, and how many facts of them; a webhook told three of these."""

    students: int
    facts: int

    @property
    def webhooks(self) -> int:
        """How many webhooks came."""
        return max(1, self.facts // 3)

    @property
    def a_webhook(self) -> int:
        """The id of one of them."""
        return place_at(_FIRST_PARTITION, _FIRST_OFFSET)


def fill(url: str, public: str, school: School) -> float:
    """Put the school's rows into the tables of generation 1, which `setup` has made; how many seconds that took."""
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    began = time.monotonic()
    told = {
        "public": public,
        "database": f"{public}_g1",
        "students": school.students,
        "webhooks": school.webhooks,
        "facts": school.facts,
        "now": datetime.now(UTC),
    }
    with contextlib.closing(client):
        pairs = 3 * school.students
        for sql, rows in (
            (_EVENTS, school.facts),
            (_RAW, school.webhooks),
            (_WEBHOOKS, school.webhooks),
            (_SCORES, pairs),
            (_STUDENT_DAYS, pairs),
        ):
            _insert(client, sql, rows, told)
    return time.monotonic() - began


def _insert(client: Client, sql: str, rows: int, told: dict[str, Any]) -> None:
    block = _BLOCK if "{first:UInt64}" in sql else rows
    for first in range(0, rows, block):
        client.command(sql, parameters=told | {"first": first, "rows": min(block, rows - first)})
