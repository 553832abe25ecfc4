"""Staff commands: what staff set or delete, in the log's order (docs/semantics.md, "Staff commands")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from schemas.redaction import redacted
from schemas.reference.tenancy import may_change
from schemas.wire.staff import FIELDS, CommandError, DeleteCommand, ForgetCommand, decode_command
from streams.core.applied import Applied
from streams.core.decide import DONE
from streams.core.errors import Undecodable
from streams.core.indicators import compute
from streams.core.kept import kept_metrics
from streams.core.lines import user_number
from streams.core.scores import staff_fields

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference
    from schemas.wire.staff import Command, TelemetryCommand
    from streams.core.policy import Policy
    from streams.core.scores import Scoring
    from streams.core.state import Student
    from streams.core.store import Store
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = ["Staff", "command_of", "deletion_line"]


class Staff:
    """Handles staff commands."""

    __slots__ = ("_policy", "_reference", "_scoring", "_store")

    def __init__(self, store: Store, reference: Reference, policy: Policy, scoring: Scoring) -> None:
        self._store = store
        self._reference = reference
        self._policy = policy
        self._scoring = scoring

    def handle(self, webhook: Webhook, student: Student, now: int) -> Applied:
        """Do what a command says at `now` (ms); raises Undecodable where the record is none."""
        command = command_of(webhook)
        if isinstance(command, DeleteCommand):
            result = {"status": "deleted", "id": command.id}
            return Applied(DONE, event=command.command, result=result, deletes=command.id)
        if isinstance(command, ForgetCommand):
            self._store.forget(webhook.student, command.user_id, command.asset_slugs, command.telemetry_ids)
            return Applied(DONE, event=command.command, result={"status": "forgotten"}, forgets=command)
        known = self._store.find(command.user_id, command.asset_slug)
        if known is not None:
            self._scoring.close_day(known, now)
        applied = _set_fields(command, self._store, webhook, self._reference, self._policy)
        if applied.working is not None:
            self._scoring.touch(applied.working, webhook, now)
            applied.telemetry_id = applied.working.state.telemetry_id
            student.effective_at = now
            self._store.touch_student(webhook.student)
        return applied


def command_of(webhook: Webhook) -> Command:
    """The command of a record of source `staff`; raises Undecodable where it is none."""
    try:
        return decode_command(webhook.payload)
    except CommandError as error:
        stage = "command"
        raise Undecodable(stage, str(error)) from error


def deletion_line(target: int, version: int) -> bytes:
    """The row that takes a webhook out of the log."""
    return orjson.dumps({"id": target, "version": version, "deleted": 1})


def _set_fields(
    command: TelemetryCommand, store: Store, webhook: Webhook, reference: Reference, policy: Policy
) -> Applied:
    """Set the fields of one student's telemetry; what they set holds until the next batch."""
    if not _permitted(command, webhook, reference, policy):
        return Applied(DONE, event=command.command, result={"status": "user-not-found"})
    working = store.find(command.user_id, command.asset_slug)
    if working is None and command.command == "telemetry.update":
        return Applied(DONE, event=command.command, result={"status": "telemetry-not-found"})
    created = working is None
    if working is None:
        working = store.create(command.user_id, command.asset_slug, webhook.id, None)
    fields = {**staff_fields(working), **{name: value for name, value in command.fields.items() if name in FIELDS}}
    if type(fields.get("metrics")) is dict:
        fields["metrics"] = redacted(kept_metrics(fields["metrics"]), policy.redact)
    asset = reference.asset_by_slug(command.asset_slug)
    working.graded = not policy.strict or working.state.notebook is not None or (asset is not None and asset.graded)
    document = None
    if "telemetry" in command.fields:
        document = orjson.dumps(redacted(fields["telemetry"], policy.redact))
    if "telemetry" in fields:
        # Only that there is one: it is kept where documents are.
        fields["telemetry"] = None
    working.state.staff = msgspec.Raw(msgspec.msgpack.encode(fields))
    values = {**_computed(working, policy), **fields}
    result = {
        "status": "created" if created else "updated",
        "id": working.state.id,
        # The document is read from its own table, so that the log does not hold it again.
        **{name: values.get(name) for name in FIELDS if name != "telemetry"},
    }
    return Applied(DONE, working, document, event=command.command, result=result)


def _permitted(command: TelemetryCommand, webhook: Webhook, reference: Reference, policy: Policy) -> bool:
    if webhook.headers.permitted is not None:
        return webhook.headers.permitted
    number = user_number(command.user_id)
    return may_change(command.academy, None if number is None else reference.user(number), strict=policy.strict)


_NULLS: Final[dict[str, Any]] = dict.fromkeys(FIELDS)


def _computed(working: WorkingState, policy: Policy) -> dict[str, Any]:
    if not working.graded or not working.computable:
        return _NULLS
    indicators = compute(working.document, policy.algorithm)
    return {
        "engagement_score": indicators.engagement_score,
        "frustration_score": indicators.frustration_score,
        "metrics_algo_version": indicators.version,
        "metrics": indicators.result,
        "total_time": indicators.total_time,
        "completion_rate": indicators.completion_rate,
    }
