"""The handler of LearnPack's webhooks: rules, deduplication, checks, then the state (docs/semantics.md).

What each step means is in streams.core.decide (rules, checks), streams.core.dedup and streams.core.apply (the state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import vocabulary as texts
from streams.core.applied import Applied
from streams.core.apply import Apply
from streams.core.bounds import check_names
from streams.core.decide import DONE, Fingerprint, error, refuse, repeated, screen
from streams.core.errors import Refused
from streams.core.package_events import changed_assets
from streams.core.remember import remember
from streams.core.streamed import item_of

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference
    from streams.core.policy import Past, Policy
    from streams.core.scores import Scoring
    from streams.core.state import Student
    from streams.core.store import Store
    from streams.core.webhook import Webhook

__all__ = ["LearnPack"]


class LearnPack:
    """Handles batches, streamed events and package events; their facts go to `facts`."""

    __slots__ = ("_apply", "_past", "_policy", "_reference", "_store")

    def __init__(
        self,
        store: Store,
        reference: Reference,
        policy: Policy,
        past: Past | None,
        *,
        facts: list[bytes],
        scoring: Scoring,
    ) -> None:
        self._store = store
        self._reference = reference
        self._policy = policy
        self._past = past
        self._apply = Apply(store, reference, policy, facts, scoring)

    def handle(self, webhook: Webhook, student: Student, now: int) -> Applied:
        """Judge a webhook that takes effect at `now` (ms) and, if it is to be stored, apply it."""
        try:
            # Before anything looks for what it names.
            check_names(webhook)
            return self._judge(webhook, student, now)
        except Refused as refused:
            return Applied(error(refused.text))

    def _judge(self, webhook: Webhook, student: Student, now: int) -> Applied:
        # Rules.
        run = self._apply.run_of(webhook)
        decision = screen(webhook, self._reference, self._policy, self._past, run)
        if decision is not None:
            if decision.verdict == "ignored" and webhook.event == texts.BATCH:
                self._apply.name_ignored(webhook, run, decision.text)
            return Applied(decision)
        # Deduplication, and what the payload alone is refused for.
        item = item_of(webhook, now)
        timed = item is None or item.own_start is not None
        fingerprint = Fingerprint.of(webhook, self._policy, timed=timed)
        decision = repeated(webhook, fingerprint, student, now) or refuse(webhook, self._reference, self._policy)
        if decision is not None:
            return Applied(decision)
        # State.
        if webhook.event in texts.PACKAGE_EVENTS:
            applied = Applied(DONE, assets=changed_assets(webhook.event, webhook.payload, self._reference))
        elif item is None:
            applied = self._apply.batch(webhook, now)
        else:
            applied = self._apply.event(webhook, item, now)
        if applied.decision.status == "DONE":
            remember(self._store, webhook, fingerprint, student, now, self._policy.dedup_window)
        return applied
