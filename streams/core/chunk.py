"""What a chunk of raw records does: the one door through which the worker, a replay and every test enter the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas import vocabulary as texts
from schemas.wire.derived import ROW
from schemas.wire.staff import DeleteCommand, ForgetCommand
from streams.core import dedup, staff
from streams.core.apply import Applied, Apply
from streams.core.bounds import check_names
from streams.core.decide import (
    DONE,
    Decision,
    Fingerprint,
    error,
    keys_of,
    recorded,
    redelivered,
    refuse,
    repeated,
    screen,
    spoofed,
    student_id,
)
from streams.core.errors import Refused, TooMuchAtOnce
from streams.core.identity import identify
from streams.core.lines import document_key, document_row, outcome_line
from streams.core.notebook.apply import Notebooks
from streams.core.publish import publish
from streams.core.resolve import logged_asset_id
from streams.core.scores import Scoring
from streams.core.store import Store
from streams.core.streamed import item_of
from streams.core.webhook import Record, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.directory import Asset
    from schemas.reference.lookup import Reference
    from streams.core.policy import Past, Policy
    from streams.core.state import Student
    from streams.core.store import Load
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

# An item that comes late has all of its student's laid anew. So many (in half a second) hold nobody else up.
_MOST_LAID: Final = 200_000

__all__ = ["ChunkProcessor", "Effects", "Record"]


@dataclass(slots=True)
class Effects:
    """What a chunk leads to, in order; lines are JSON without a newline, a value of None is a tombstone.

    `telemetry` are (key, document, headers), `completions` (key, value), `directory` (kind of reference, key, value),
    `changes` (key, value) of the state table.
    """

    facts: list[bytes] = field(default_factory=list)
    outcomes: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    telemetry: list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]] = field(default_factory=list)
    completions: list[tuple[bytes, bytes]] = field(default_factory=list)
    directory: list[tuple[str, bytes, bytes | None]] = field(default_factory=list)
    changes: list[tuple[bytes, bytes | None]] = field(default_factory=list)


class ChunkProcessor:
    """Applies the records of one chunk of one partition, in their order.

    When `apply` has raised, the processor is of no further use; nothing outside of it has changed but, where an asset
    was published, the view of the reference topics, which its record comes back to.
    """

    def __init__(self, load: Load, reference: Reference, policy: Policy, past: Past | None = None) -> None:
        """Work on the state that `load` reads, by the rules and the directory as they stand now, or as in the past."""
        self._store = Store(load)
        self._reference = reference
        self._policy = policy
        self._past = past
        self._effects = Effects()
        self._documents: dict[tuple[bytes, str], tuple[bytes | None, list[tuple[str, bytes]]]] = {}
        self._scoring = Scoring(self._effects.scores, policy.algorithm, policy.redact)
        self._apply = Apply(self._store, reference, policy, self._effects.facts, self._scoring)
        self._notebooks = Notebooks(
            self._store,
            reference,
            policy,
            self._effects.facts,
            self._apply.touch,
            by_rules=past is None or past.ignored is None,
        )

    def apply(self, record: Record) -> None:
        """Process one record.

        Raises Undecodable where it is no webhook, TooMuchAtOnce where those before it have been enough for a chunk.
        """
        if self._store.work.laid > _MOST_LAID:
            raise TooMuchAtOnce
        webhook = read(record)
        identify(webhook, self._policy)
        student = self._store.student(webhook.student)
        now = max(webhook.arrival, student.effective_at)
        if webhook.headers.source == "staff":
            self._command(webhook, student, now)
            return
        if webhook.headers.source == "posthog":
            self._outcome(webhook, self._notebooks_decide(webhook, student, now), now)
            return
        params = next((value for name, value in record.headers if name == "params"), b"")
        decision = self._decide(webhook, student, now, params)
        self._outcome(webhook, decision, now)

    def finish(self) -> Effects:
        """What the chunk leads to; call it once, after the last record."""
        for working in self._store.touched():
            self._scoring.write(working)
        effects = self._effects
        effects.telemetry = [(key, value, headers) for (key, _), (value, headers) in self._documents.items()]
        effects.changes = self._store.changes()
        return effects

    def _decide(self, webhook: Webhook, student: Student, now: int, params: bytes) -> Decision:
        try:
            # Before anything looks for what it names.
            check_names(webhook)
            return self._pass(webhook, student, now, params)
        except Refused as refused:
            return error(refused.text)

    def _pass(self, webhook: Webhook, student: Student, now: int, params: bytes) -> Decision:
        session = self._apply.session_of(webhook)
        decision = screen(webhook, self._reference, self._policy, self._past, session)
        if decision is not None:
            if decision.verdict == "ignored" and webhook.event == texts.BATCH:
                self._apply.name_ignored(webhook, session, decision.text)
            return decision
        item = item_of(webhook, now)
        timed = item is None or item.own_start is not None
        fingerprint = Fingerprint.of(webhook, params, self._policy, timed=timed)
        decision = repeated(webhook, fingerprint, student, now) or refuse(webhook, self._reference, self._policy)
        if decision is not None:
            return decision
        if webhook.event in texts.PACKAGE_EVENTS:
            decision = self._publish(webhook)
        else:
            applied = self._apply.batch(webhook, now) if item is None else self._apply.event(webhook, item, now)
            self._follow(webhook, applied, now)
            decision = applied.decision
        if decision.status == "DONE":
            self._remember(webhook, fingerprint, student, now)
        return decision

    def _notebooks_decide(self, webhook: Webhook, student: Student, now: int) -> Decision:
        user = self._notebooks.user_of(webhook.named)
        webhook.user = None if user is None else str(user)
        keys = keys_of(webhook)
        decision = (
            spoofed(webhook, self._reference) or recorded(webhook, self._past) or redelivered(webhook, keys, student)
        )
        if decision is not None:
            return decision
        decision = self._notebooks.record(webhook, user, now)
        if decision.status == "DONE":
            self._remember_keys(webhook, keys, student, now)
        return decision

    def _remember(self, webhook: Webhook, fingerprint: Fingerprint, student: Student, now: int) -> None:
        window = self._policy.dedup_window
        student.bodies = dedup.remember_body(student.bodies, fingerprint.body, webhook.id, now, window)
        self._remember_keys(webhook, fingerprint.keys, student, now)

    def _remember_keys(self, webhook: Webhook, keys: Sequence[bytes], student: Student, now: int) -> None:
        student.effective_at = now
        for key in keys:
            student.receipts = dedup.remember_receipt(student.receipts, key, webhook.id)
        self._store.touch_student(webhook.student)

    def _publish(self, webhook: Webhook) -> Decision:
        for asset in publish(webhook.event, webhook.payload, self._reference):
            self._update_asset(asset)
        return DONE

    def _update_asset(self, asset: Asset) -> None:
        """Write an asset's record, and know it at once: the next webhook may change it again before it comes back."""
        if self._past is not None:
            return
        self._effects.directory.append(("assets", asset.key, asset.value))
        self._reference.apply("assets", asset.key, asset.value)

    def _follow(self, webhook: Webhook, applied: Applied, now: int) -> None:
        if applied.adopted is not None:
            self._update_asset(applied.adopted)
        if applied.document is not None and applied.working is not None:
            self._keep_document(applied.working, applied.document, webhook.telemetry_id, now)
        if applied.completion is not None:
            self._effects.completions.append(applied.completion)

    def _keep_document(self, working: WorkingState, document: bytes, telemetry_id: str, now: int) -> None:
        key, state = document_key(working.actor, working.asset_slug), working.state
        row = document_row(
            working.actor,
            working.asset_slug,
            id=state.id,
            telemetry_id=telemetry_id,
            updated_at=now,
            version=state.version,
        )
        # Of several documents of one chunk only the last is ever read, but each of its runs is claimed.
        self._documents.pop((key, telemetry_id), None)
        self._documents[key, telemetry_id] = (document, [(ROW, orjson.dumps(row))])

    def _command(self, webhook: Webhook, student: Student, now: int) -> None:
        command = staff.command_of(webhook)
        if isinstance(command, DeleteCommand):
            self._effects.outcomes.append(staff.deletion_line(command.id, webhook.version))
            result: dict[str, Any] = {"status": "deleted", "id": command.id}
        elif isinstance(command, ForgetCommand):
            self._forget(command, webhook, now)
            result = {"status": "forgotten"}
        else:
            working = self._store.find(command.user_id, command.asset_slug)
            if working is not None:
                self._scoring.close_day(working, now)
            answer = staff.set_fields(command, self._store, webhook, self._reference, self._policy)
            result = answer.result
            if answer.working is not None:
                self._apply.touch(answer.working, webhook, now)
                student.effective_at = now
                self._store.touch_student(webhook.student)
                if answer.document is not None:
                    self._keep_document(answer.working, answer.document, answer.working.state.telemetry_id, now)
        self._outcome(webhook, DONE, now, event=command.command, result=result)

    def _forget(self, command: ForgetCommand, webhook: Webhook, now: int) -> None:
        """Tombstones for the states and documents of an actor; rows in ClickHouse are not the worker's to delete."""
        self._store.forget(webhook.student, command.user_id, command.asset_slugs, command.telemetry_ids)
        for slug in command.asset_slugs:
            key, actor = document_key(command.user_id, slug), command.user_id
            row = document_row(actor, slug, id=webhook.id, telemetry_id="", updated_at=now, version=webhook.version)
            self._documents = {known: value for known, value in self._documents.items() if known[0] != key}
            self._documents[key, ""] = (None, [(ROW, orjson.dumps(row))])

    def _outcome(
        self, webhook: Webhook, decision: Decision, now: int, *, event: str | None = None, result: Any = None
    ) -> None:
        student = student_id(webhook, self._reference, self._policy)
        self._effects.outcomes.append(
            outcome_line(
                webhook.id,
                is_streaming=webhook.is_streaming,
                event=webhook.event if event is None else event,
                academy_ids=self._academies(webhook, student),
                student_id=student,
                asset_id=logged_asset_id(webhook.payload, self._reference, strict=self._policy.strict),
                package_slug=webhook.package_slug or "",
                learnpack_package_id=webhook.package_id,
                status=decision.status,
                status_text=decision.text,
                verdict=decision.verdict,
                result=result,
                source=webhook.headers.source,
                created_at=webhook.arrival,
                updated_at=now,
                version=webhook.version,
            )
        )

    def _academies(self, webhook: Webhook, student: int | None) -> Sequence[int]:
        academies = [] if webhook.academy is None else [webhook.academy]
        user = None if student is None else self._reference.user(student)
        if user is not None:
            academies.extend(academy for academy in user.academies if academy != webhook.academy)
        return academies
