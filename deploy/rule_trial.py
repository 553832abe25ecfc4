"""What ignore rules would have done to webhooks that were received: the worker's code over ClickHouse's `raw`.

ClickHouse hands over only the keys that rules and students are told by, block after block, so neither the size of the
documents nor their number matters to the memory of either side.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import orjson

from schemas.lenient import loads
from schemas.vocabulary import token_cannot_report
from schemas.webhook import academy_of, actor, merge
from streams.core.resolve import resolver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from schemas.reference import Reference
    from schemas.rules import Rules
    from schemas.settings import Settings

__all__ = ["Trial", "try_rules"]

_KEYS: Final = (
    "user_id",
    "package_id",
    "package_slug",
    "slug",
    "asset_id",
    "event",
    "academy_id",
    "telemetry_id",
)

# A body that the two parsers may read differently (no JSON to ClickHouse, or a key twice) comes whole.
_WEBHOOKS: Final = """
WITH
    {keys:Array(String)} AS wanted,
    JSONExtractKeys(payload) AS keys,
    isValidJSON(payload) AND length(keys) = length(arrayDistinct(keys)) AS plain
SELECT
    r.academy_id, r.principal, r.params, if(plain, '', r.payload),
    if(plain, arrayMap(key -> JSONExtractRaw(r.payload, key), wanted), []),
    w.verdict, w.status_text
FROM
(
    SELECT id, academy_id, principal, params, payload FROM raw FINAL
    WHERE received_at >= {since:DateTime64(3, 'UTC')} AND source != 'staff'
        AND (academy_id = {academy:UInt64}
            OR academy_id IS NULL AND (position(payload, 'academy_id') > 0 OR position(params, 'academy_id') > 0))
) AS r
LEFT JOIN
(
    SELECT id, verdict, status_text FROM webhooks WHERE created_at >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
) AS w ON r.id = w.id
"""
# Both sides are in order of id: neither has to fit into memory.
_SETTINGS: Final = {"join_algorithm": "full_sorting_merge", "max_block_size": 8192}


@dataclass(slots=True)
class Trial:
    """What a trial found; students are told by their user id, else by their telemetry_id.

    `webhooks` of `students` were received for the academy since then and would have met the rules; of these `ignored`
    of `ignored_students`. `rules` counts those by the text of the verdict, `before` by what was made of them
    (`pending` for those without an outcome yet).
    """

    webhooks: int = 0
    students: int = 0
    ignored: int = 0
    ignored_students: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values}


def try_rules(settings: Settings, academy: int, rules: Rules, reference: Reference, since: datetime) -> Trial:
    """Hold the rules to every webhook of the academy since then; raises ClickHouse's errors.

    Spoofs and records that are no webhooks are left out: they are refused before any rule is asked.
    """
    trial = Trial()
    students: set[str] = set()
    ignored: set[str] = set()
    resolve = resolver(reference, strict=settings.directory == "strict")
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )
    parameters = {"keys": list(_KEYS), "since": since, "academy": academy}
    with contextlib.closing(client), client.query_rows_stream(_WEBHOOKS, parameters, _SETTINGS) as rows:
        for scope, principal, params, body, raws, verdict, text in rows:
            payload = _payload(params, body, raws)
            owner = None if principal is None else str(principal)
            if not payload or academy_of(scope, payload) != academy or verdict == "dead":
                continue
            whose = actor(payload, owner)
            if verdict == "error" and text == token_cannot_report(owner, whose):
                continue
            trial.webhooks += 1
            students.update(() if whose is None else (whose,))
            if (matched := rules.match(payload, resolve)) is None:
                continue
            trial.ignored += 1
            ignored.update(() if whose is None else (whose,))
            trial.rules[matched] += 1
            trial.before[verdict or "pending"] += 1
    trial.students, trial.ignored_students = len(students), len(ignored)
    return trial


def _payload(params: str, body: str, raws: Sequence[str]) -> dict[str, Any]:
    """The merged payload, as far as rules look at it; empty where the worker reads no webhook."""
    try:
        found = (
            loads(body.encode())
            if body
            else {key: orjson.loads(raw) for key, raw in zip(_KEYS, raws, strict=False) if raw}
        )
        return merge(found, orjson.loads(params)) if isinstance(found, dict) else {}
    except ValueError:
        return {}
