"""Applies the webhooks that passed all checks: finds their asset and state, folds them in, and says what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas import vocabulary as texts
from schemas.redaction import redacted
from schemas.reference.rules import about_tutorials
from streams.core.applied import Applied
from streams.core.bounds import check_batch, check_document, check_item, check_streamed
from streams.core.completions import completion
from streams.core.decide import DONE, STALE, error
from streams.core.details import NOTHING
from streams.core.emit_facts import ITEM_KINDS
from streams.core.fold import BatchFate, fold_batch, fold_streamed, root_over
from streams.core.lines import FactLines, user_number
from streams.core.orphans import adopt, emit_orphan, keep
from streams.core.resolve import Resolved, adopt_package_id, recall, resolve_batch, resolve_event
from streams.core.run import named_by, repeats_names
from streams.core.scores import COMPLETE, completion_rate
from streams.core.slim import slim
from streams.core.state import Origin, Overlay, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.reference.directory import Task
    from schemas.reference.lookup import Reference
    from streams.core.effects import Completion
    from streams.core.policy import Policy
    from streams.core.scores import Scoring
    from streams.core.store import Store
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = ["Apply"]

_DETAILS = {kind.event: kind.details for kind in ITEM_KINDS}


class Apply:
    """Applies webhooks to the states of one chunk.

    Facts go to `facts`, the scores of a day that ends to `scoring`.
    """

    __slots__ = ("_facts", "_policy", "_recalled", "_reference", "_scoring", "_store")

    def __init__(
        self,
        store: Store,
        reference: Reference,
        policy: Policy,
        facts: list[bytes],
        scoring: Scoring,
    ) -> None:
        self._store = store
        self._reference = reference
        self._policy = policy
        self._facts = facts
        self._scoring = scoring
        self._recalled: dict[tuple[str, int | None], Resolved | None] = {}

    def batch(self, webhook: Webhook, now: int) -> Applied:
        """Apply a batch; raises Refused for one that is more than is kept."""
        strict = self._policy.strict
        check_document(webhook.payload)
        run = self.run_of(webhook)
        resolved = self._resolve_batch(webhook.payload, run)
        if resolved is None:
            return Applied(error(texts.ASSET_NOT_FOUND))
        actor = webhook.actor
        assert actor is not None  # noqa: S101 - a batch of nobody was refused
        if strict and not self._tasks(actor, resolved):
            return Applied(error(texts.student_without_tasks(actor, {resolved.slug, *self._group_slugs(resolved)})))
        document = slim(webhook.payload)
        if webhook.telemetry_id:
            self._store.check_run(webhook.student, webhook.telemetry_id)
        working = self._store.state(actor, resolved.slug, webhook.id, resolved.asset_id)
        check_batch(working.state, document, root_over(working.state, webhook.payload))
        self._scoring.close_day(working, now)
        facts = self._lines(webhook, actor, resolved)
        became = fold_batch(working, self._told(webhook.payload), document, webhook.arrival, facts)
        working.note_emitted(facts.count)
        if became is BatchFate.STALE:
            return Applied(STALE)
        working.graded = resolved.graded
        working.state.asset_id = resolved.asset_id
        self._scoring.touch(working, webhook, now)
        self._learn(webhook, working, resolved, run)
        document_sent = self._document(webhook) if became is BatchFate.STORED else None
        completed = self._completion(working, resolved, now)
        adopted = adopt_package_id(resolved.asset, webhook.payload) if resolved.asset is not None else None
        assets = () if adopted is None else (adopted,)
        return Applied(DONE, working, document_sent, webhook.telemetry_id, completed, assets)

    def event(self, webhook: Webhook, item: Overlay, now: int) -> Applied:
        """Apply a streamed event; raises Refused for one that is more than is kept."""
        check_item(item)
        run = self.run_of(webhook)
        named = () if run is None or run.named is None else (run.named.slug, run.named.package_slug)
        known = self._recall(run)
        strict = self._policy.strict
        resolved = resolve_event(webhook.payload, known, self._reference, strict=strict, named=named)
        if resolved is None and strict:
            return Applied(error(texts.ASSET_NOT_FOUND))
        details = self._details(webhook, item)
        actor = webhook.actor
        if resolved is None or actor is None:
            self._orphan(webhook, item, details, run)
            return Applied(DONE)
        working = self._store.state(actor, resolved.slug, webhook.id, resolved.asset_id)
        check_streamed(working, item)
        self._scoring.close_day(working, now)
        working.graded = resolved.graded
        facts = self._lines(webhook, actor, resolved)
        fold_streamed(working, item, details, facts)
        working.note_emitted(facts.count)
        self._scoring.touch(working, webhook, now)
        # Also where the item completes nothing: the directory may count now what it did not before.
        return Applied(DONE, working, completion=self._completion(working, resolved, now))

    def _resolve_batch(self, payload: Mapping[str, Any], run: Run | None) -> Resolved | None:
        named = None if run is None else run.named
        asset_ids = named.asset_ids if named is not None and repeats_names(payload, named) else ()
        # An open directory takes another slug at its word, unless the run is known by its asset.
        strict = self._policy.strict
        known = self._recall(run) if strict or (named is not None and named.asset_ids) else None
        return resolve_batch(payload, self._reference, strict=strict, asset_ids=asset_ids, run=known)

    def run_of(self, webhook: Webhook) -> Run | None:
        """What is known of the webhook's run."""
        telemetry_id = webhook.telemetry_id
        return self._store.run(webhook.student, telemetry_id) if telemetry_id else None

    def name_ignored(self, webhook: Webhook, run: Run | None, text: str) -> None:
        """Remember how a batch that a rule about tutorials ignored names its own, for its streamed events do not."""
        telemetry_id = webhook.telemetry_id
        if telemetry_id and about_tutorials(text) and self._store.has_room(webhook.student, telemetry_id):
            named = named_by(webhook.payload, None if run is None else run.named)
            if run is None or run.named != named:
                run = run or Run(None, None)
                run.named = named
                self._store.put_run(webhook.student, telemetry_id, run)

    def _recall(self, run: Run | None) -> Resolved | None:
        if run is None or run.asset_slug is None:
            return None
        slug, asset_id = run.asset_slug, run.asset_id
        # The reference does not change within a chunk.
        if (slug, asset_id) not in self._recalled:
            self._recalled[slug, asset_id] = recall(slug, asset_id, self._reference, strict=self._policy.strict)
        return self._recalled[slug, asset_id]

    def _details(self, webhook: Webhook, item: Overlay) -> str:
        data = webhook.payload.get("data")
        held = item.attempt or item.interaction or item.quiz
        return NOTHING if held is None or type(data) is not dict else _DETAILS[item.event](held, self._told(data))

    def _told(self, said: dict[str, Any]) -> dict[str, Any]:
        """What facts may be told of: all but the values that are redacted."""
        untold = self._policy.untold
        told: dict[str, Any] = redacted(said, untold)
        return told

    def _lines(self, webhook: Webhook, actor: str, resolved: Resolved) -> FactLines:
        return FactLines(self._origin(webhook, actor), resolved.slug, resolved.asset_id, self._facts)

    def _origin(self, webhook: Webhook, actor: str) -> Origin:
        return Origin(
            webhook.id,
            webhook.version,
            webhook.arrival,
            webhook.academy,
            actor,
            webhook.telemetry_id,
            webhook.package_id if webhook.package_id is not None and webhook.package_id >= 0 else None,
            "stream" if webhook.is_streaming and webhook.event != texts.BATCH else "batch",
        )

    def _orphan(self, webhook: Webhook, item: Overlay, details: str, run: Run | None) -> None:
        """Tell an item of an unknown tutorial, and keep it if a batch may still name that."""
        origin = self._origin(webhook, webhook.actor or f"webhook:{webhook.id}")
        if webhook.actor is not None and webhook.telemetry_id:
            if run is None:
                self._store.check_run(webhook.student, webhook.telemetry_id)
                run = Run(None, None)
            if not keep(run, origin, item, details):
                return
            self._store.put_run(webhook.student, webhook.telemetry_id, run)
        emit_orphan(origin, item, details, self._facts)

    def _learn(self, webhook: Webhook, working: WorkingState, resolved: Resolved, run: Run | None) -> None:
        """The telemetry_id belongs to this asset from now on, and so do the streamed items that waited for it."""
        telemetry_id = webhook.telemetry_id
        if not telemetry_id:
            return
        named = named_by(webhook.payload, None if run is None else run.named)
        learnt = Run(resolved.slug, resolved.asset_id, [], named)
        if run == learnt:
            return
        if run is not None and run.orphans:
            adopt(run, working, resolved.asset_id, webhook.version, self._facts)
        self._store.put_run(webhook.student, telemetry_id, learnt)

    def _document(self, webhook: Webhook) -> bytes:
        if self._policy.redact:
            return orjson.dumps(redacted(webhook.payload, self._policy.redact))
        return webhook.value if not webhook.headers.params else orjson.dumps(webhook.payload)

    def _group_slugs(self, resolved: Resolved) -> set[str]:
        if resolved.asset is None:
            return {resolved.slug}
        return {asset.slug for asset in self._reference.group(resolved.asset)}

    def _tasks(self, actor: str, resolved: Resolved) -> list[Task]:
        number = user_number(actor)
        if number is None:
            return []
        return self._reference.tasks_of(number, self._group_slugs(resolved))

    def _completion(self, working: WorkingState, resolved: Resolved, now: int) -> Completion | None:
        state = working.state
        if not resolved.graded or (state.finished_at is None and completion_rate(working) < COMPLETE):
            return None
        tasks = self._tasks(working.actor, resolved)
        new = [task.id for task in tasks if task.id not in state.told_tasks]
        if state.finished_at is not None and (not new or completion_rate(working) < COMPLETE):
            return None
        before = self._store.told(working.actor, working.asset_slug)
        told = before is not None or state.finished_at is not None
        if state.finished_at is None:
            state.finished_at = now
        state.told_tasks = [*state.told_tasks, *new]
        if told and set(new) <= set(before or ()):
            return None
        return completion(
            working.actor,
            working.asset_slug,
            asset_id=resolved.asset_id,
            webhook_id=state.version,
            at=now,
            tasks=[task.id for task in tasks],
        )
