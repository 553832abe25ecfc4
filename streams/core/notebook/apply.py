"""Applies the records of PostHog's clients: events that are new become facts and move the notebook's scores.

A record holds events of one student in any number of notebooks, and has one outcome: what was new decides it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from schemas import vocabulary as texts
from schemas.reference.rules import Known
from schemas.wire.notebook import events_of
from streams.core.applied import Applied
from streams.core.decide import Decision, error, keys_of, recorded, redelivered, spoofed
from streams.core.errors import Refused
from streams.core.lines import user_number
from streams.core.notebook.event import Clock, Unreadable, read_event
from streams.core.notebook.facts import fact_line
from streams.core.notebook.state import add, remember, seen
from streams.core.remember import remember_keys
from streams.core.resolve import resolver
from streams.core.state import Notebook

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference
    from streams.core.notebook.event import NotebookEvent
    from streams.core.policy import Past, Policy
    from streams.core.scores import Scoring
    from streams.core.state import Student
    from streams.core.store import Store
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = ["EVENTS", "Notebooks"]

# Of one student in one request. PostHog's clients send a hundred at a time; each becomes a fact, in one transaction.
EVENTS: Final = 10_000


@dataclass(slots=True)
class _Taken:
    """What became of the events of one record."""

    new: int = 0
    repeated: int = 0
    ignored: str = ""
    unreadable: list[str] = field(default_factory=list)

    def decision(self) -> Decision:
        if self.new:
            text = texts.events_left_out(len(self.unreadable), self.unreadable[0]) if self.unreadable else texts.OK
            return Decision("DONE", text, "stored")
        if self.unreadable:
            return error(texts.no_event_readable(self.unreadable[0]))
        if self.repeated:
            return Decision("IGNORED", texts.EVENTS_REPEATED, "duplicate")
        if self.ignored:
            return Decision("IGNORED", self.ignored, "ignored")
        return error(texts.NO_EVENT)


class Notebooks:
    """Handles the records of notebooks; facts go to `facts`."""

    __slots__ = ("_by_rules", "_facts", "_past", "_policy", "_reference", "_scoring", "_store")

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
        self._past = past
        # Where it is recorded what rules ignored, today's judge nothing.
        self._by_rules = past is None or past.ignored is None
        self._store = store
        self._reference = reference
        self._policy = policy
        self._facts = facts
        self._scoring = scoring

    def handle(self, webhook: Webhook, student: Student, now: int) -> Applied:
        """Judge a record that takes effect at `now` (ms) and apply its events that are new."""
        user = self._user_of(webhook.named)
        webhook.user = None if user is None else str(user)
        keys = keys_of(webhook)
        decision = (
            spoofed(webhook, self._reference) or recorded(webhook, self._past) or redelivered(webhook, keys, student)
        )
        if decision is None:
            decision = self._record(webhook, user, now)
            if decision.status == "DONE":
                remember_keys(self._store, webhook, keys, student, now)
        return Applied(decision)

    def _user_of(self, named: str | None) -> int | None:
        """The user that a distinct id means: as the directory's names link it, else the id that it is itself."""
        if named is None:
            return None
        linked = self._reference.user_named(named)
        return user_number(named) if linked is None else linked

    def _record(self, webhook: Webhook, user: int | None, now: int) -> Decision:
        """Apply a record of a student whose user id is `user`."""
        actor, named = webhook.actor, webhook.named
        if actor is None or named is None:
            return error(texts.NO_DISTINCT_ID)
        events = events_of(webhook.payload)
        if len(events) > EVENTS:
            return error(texts.too_many("events in a request", len(events), EVENTS))
        clock = Clock.of(webhook.payload, webhook.headers.params, webhook.arrival)
        taken = _Taken()
        for raw in events:
            try:
                event = read_event(raw, named, clock, self._policy)
            except Unreadable as unreadable:
                taken.unreadable.append(str(unreadable))
                continue
            if text := self._ignored(webhook, event, user):
                taken.ignored = taken.ignored or text
                continue
            try:
                working = self._store.state(actor, event.notebook, webhook.id, self._asset_id(event))
            except Refused as refused:
                taken.unreadable.append(refused.text)
                continue
            if self._is_new(working, webhook, event, user, now):
                self._emit(webhook, event, actor, user, taken.new)
                taken.new += 1
            else:
                taken.repeated += 1
        return taken.decision()

    def _ignored(self, webhook: Webhook, event: NotebookEvent, user: int | None) -> str | None:
        rules = None if webhook.academy is None or not self._by_rules else self._reference.rules(webhook.academy)
        if rules is None:
            return None
        payload = {"event": event.event, "slug": event.notebook, "user_id": user}
        asset = self._reference.asset_by_slug(event.notebook) if event.notebook and rules.about_tutorials else None
        known = None
        if asset is not None:
            packages = () if asset.learnpack_id is None else (asset.learnpack_id,)
            known = Known((asset.slug,), (asset.id,), packages)
        return rules.match(payload, resolver(self._reference, strict=self._policy.strict), known)

    def _is_new(
        self, working: WorkingState, webhook: Webhook, event: NotebookEvent, user: int | None, now: int
    ) -> bool:
        """Whether the notebook has not had the event; then it has it now."""
        notebook = working.state.notebook
        if notebook is not None and seen(notebook, event.digest):
            return False
        if event.notebook:
            self._scoring.touch(working, webhook, now)
            working.graded = True
        # Only a notebook has scores; what names none is remembered.
        working.changed = True
        working.user_id = user
        if notebook is None:
            notebook = working.state.notebook = Notebook()
        # What staff set holds until something is new, as with batches.
        working.state.staff = msgspec.Raw(b"\xc0")
        remember(notebook, event.digest)
        add(notebook, event)
        return True

    def _asset_id(self, event: NotebookEvent) -> int | None:
        asset = self._reference.asset_by_slug(event.notebook) if event.notebook else None
        return None if asset is None else asset.id

    def _emit(self, webhook: Webhook, event: NotebookEvent, actor: str, user: int | None, ordinal: int) -> None:
        asset_id = self._asset_id(event)
        self._facts.append(fact_line(event, webhook, actor=actor, user_id=user, asset_id=asset_id, ordinal=ordinal))
