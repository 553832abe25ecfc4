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

from operations.raw_log.bodies import AS_BYTES, BODY, BRIEF, body_of, headers_of, record_of
from schemas.vocabulary import BATCH, token_cannot_report
from streams.core.errors import Undecodable
from streams.core.resolve import resolver
from streams.core.run import known_of, run_after
from streams.core.webhook import read

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.reference.lookup import Reference
    from schemas.reference.rules import Rules
    from schemas.settings import Settings
    from streams.core.state import Run

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

_WEBHOOKS: Final = f"""
WITH {BRIEF}
SELECT r.source, r.academy_id, r.principal, r.params, {BODY}, w.verdict, w.status_text
FROM
(
    SELECT id, source, academy_id, principal, params, payload FROM raw FINAL
    WHERE received_at >= {{since:DateTime64(3, 'UTC')}} AND source NOT IN ('staff', 'posthog')
        AND (academy_id = {{academy:UInt64}}
            OR academy_id IS NULL AND (match(payload, 'academy_id|\\\\\\\\u') OR position(params, 'academy_id') > 0))
) AS r
LEFT JOIN
(
    SELECT id, verdict, status_text FROM webhooks WHERE created_at >= {{since:DateTime64(3, 'UTC')}} - INTERVAL 1 DAY
) AS w ON r.id = w.id
"""  # noqa: S608 - constants
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

    Spoofs and records that are no webhooks are left out: they are refused before any rule is asked. So are notebooks'
    requests, of which the worker judges each event by itself.
    """
    trial = Trial()
    students: set[str] = set()
    ignored: set[str] = set()
    strict = settings.directory == "strict"
    resolve = resolver(reference, strict=strict)
    runs: dict[tuple[bytes, str], Run] = {}
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )
    parameters = {"keys": list(_KEYS), "since": since, "academy": academy}
    with (
        contextlib.closing(client),
        client.query_rows_stream(_WEBHOOKS, parameters, _SETTINGS, query_formats=AS_BYTES) as rows,
    ):
        for source, scope, principal, params, body, raws, verdict, text in rows:
            headers = headers_of(source, scope, principal, params)
            try:
                webhook = read(record_of(None, body_of(body, raws, _KEYS), headers))
            except Undecodable:
                continue
            if webhook.academy != academy or verdict == b"dead":
                continue
            whose = webhook.actor
            if verdict == b"error" and text.decode().startswith(token_cannot_report(webhook.headers.principal, "")):
                continue
            trial.webhooks += 1
            students.update(() if whose is None else (whose,))
            # As the worker, in the log's order: what a batch names its run by holds for the events that follow.
            run, batch = (webhook.student, webhook.telemetry_id), webhook.event == BATCH
            known_run = runs.get(run) if webhook.telemetry_id else None
            known = known_of(known_run, webhook.payload, reference, batch=batch, strict=strict)
            if batch and webhook.telemetry_id:
                runs[run] = run_after(webhook.payload, known_run, reference, strict=strict)
            if (matched := rules.match(webhook.payload, resolve, known)) is None:
                continue
            trial.ignored += 1
            ignored.update(() if whose is None else (whose,))
            trial.rules[matched] += 1
            trial.before[verdict.decode() or "pending"] += 1
    trial.students, trial.ignored_students = len(students), len(ignored)
    return trial
