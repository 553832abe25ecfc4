"""What ignore rules would have done to webhooks that were received: the worker's code over ClickHouse's `raw`.

ClickHouse hands over only the keys that rules and students are told by, block after block, so neither the size of the
documents nor their number matters to the memory of either side.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from operations.clickhouse import connected
from operations.cut import cut_text
from operations.raw_log.bodies import AS_BYTES, BODY, BRIEF, body_of, headers_of, record_of
from schemas.coercion import digits_as_id
from schemas.vocabulary import BATCH, token_cannot_report
from streams.core.errors import Undecodable
from streams.core.resolve import resolver
from streams.core.run import known_of, run_after
from streams.core.webhook import read

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.reference.lookup import Reference
    from schemas.reference.rules import Known, Rules
    from schemas.settings import Settings
    from streams.core.state import Run
    from streams.core.webhook import Webhook

__all__ = ["Trial", "try_rules"]

# So many of each text, of which there are as many as ways to combine the fields of rules.
_EXAMPLES: Final = 3

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
SELECT r.id, r.source, r.academy_id, r.principal, r.params, {BODY}, w.verdict, w.status_text
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


@dataclass(frozen=True, slots=True)
class Example:
    """A webhook that would have been ignored: the text of the verdict, and what it is about as far as it says so."""

    webhook: int
    rule: str
    user_id: int | None
    event: str
    package_slug: str | None


@dataclass(slots=True)
class Trial:
    """What a trial found; students are told by their user id, else by their telemetry_id.

    `webhooks` of `students` were received for the academy since then and would have met the rules; of these `ignored`
    of `ignored_students`. `rules` counts those by the text of the verdict, `before` by what was made of them
    (`pending` for those without an outcome yet). `examples` are the last few of each text.
    """

    webhooks: int = 0
    students: int = 0
    ignored: int = 0
    ignored_students: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**asdict(self), "rules": dict(self.rules), "before": dict(self.before)}


def try_rules(settings: Settings, academy: int, rules: Rules, reference: Reference, since: datetime) -> Trial:
    """Hold the rules to every webhook of the academy since then; raises ClickHouse's errors.

    Spoofs and records that are no webhooks are left out: they are refused before any rule is asked. So are notebooks'
    requests, of which the worker judges each event by itself.
    """
    trying = _Trying(academy, rules, reference, strict=settings.directory == "strict")
    client = connected(settings)
    parameters = {"keys": list(_KEYS), "since": since, "academy": academy}
    with (
        contextlib.closing(client),
        client.query_rows_stream(_WEBHOOKS, parameters, _SETTINGS, query_formats=AS_BYTES) as rows,
    ):
        for number, source, scope, principal, params, body, raws, verdict, text in rows:
            headers = headers_of(source, scope, principal, params)
            try:
                webhook = read(record_of(None, body_of(body, raws, _KEYS), headers))
            except Undecodable:
                continue
            webhook.id = number
            trying.hold_to(webhook, verdict.decode(), text)
    return trying.outcome


class _Trying:
    """A trial under way: webhooks in the log's order, and what is known of the runs that they belong to."""

    def __init__(self, academy: int, rules: Rules, reference: Reference, *, strict: bool) -> None:
        self.outcome = Trial()
        self._academy, self._rules, self._reference, self._strict = academy, rules, reference, strict
        self._resolve = resolver(reference, strict=strict)
        self._students: set[str] = set()
        self._ignored: set[str] = set()
        self._runs: dict[tuple[bytes, str], Run] = {}

    def hold_to(self, webhook: Webhook, verdict: str, status_text: bytes) -> None:
        """Hold the rules to one more webhook, whose outcome is told if it has one."""
        if webhook.academy != self._academy or _refused_before_rules(webhook, verdict, status_text):
            return
        outcome, whose = self.outcome, set() if webhook.actor is None else {webhook.actor}
        self._students |= whose
        outcome.webhooks += 1
        outcome.students = len(self._students)
        matched = self._rules.match(webhook.payload, self._resolve, self._known_of(webhook))
        if matched is None:
            return
        self._ignored |= whose
        outcome.ignored += 1
        outcome.ignored_students = len(self._ignored)
        outcome.rules[matched] += 1
        outcome.before[verdict or "pending"] += 1
        self._keep(webhook, matched)

    def _keep(self, webhook: Webhook, rule: str) -> None:
        slug = webhook.package_slug
        example = Example(
            webhook.id,
            rule,
            digits_as_id(webhook.user),
            cut_text(webhook.event),
            None if slug is None else cut_text(slug),
        )
        alike = [one for one in self.outcome.examples if one.rule == rule]
        if len(alike) == _EXAMPLES:
            self.outcome.examples.remove(alike[0])
        self.outcome.examples.append(example)

    def _known_of(self, webhook: Webhook) -> Known | None:
        """What the worker knew of the run then; those that follow know what this one tells of it."""
        run, batch = (webhook.student, webhook.telemetry_id), webhook.event == BATCH
        known_run = self._runs.get(run) if webhook.telemetry_id else None
        known = known_of(known_run, webhook.payload, self._reference, batch=batch, strict=self._strict)
        if batch and webhook.telemetry_id:
            self._runs[run] = run_after(webhook.payload, known_run, self._reference, strict=self._strict)
        return known


def _refused_before_rules(webhook: Webhook, verdict: str, status_text: bytes) -> bool:
    spoof = token_cannot_report(webhook.headers.principal, "")
    return verdict == "dead" or (verdict == "error" and status_text.decode(errors="replace").startswith(spoof))
