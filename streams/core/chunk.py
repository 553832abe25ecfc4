"""What a chunk of raw records does: the one door through which the worker, a replay and every test enter the core.

A record is handled by whom it came from: LearnPack (streams.core.learnpack), staff (streams.core.staff) or a notebook
(streams.core.notebook.apply). Each returns what is to be written because of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from streams.core.decide import student_id
from streams.core.documents import Documents
from streams.core.effects import Effects, ReferenceRecord
from streams.core.errors import TooMuchAtOnce
from streams.core.identity import identify
from streams.core.learnpack import LearnPack
from streams.core.lines import outcome_line
from streams.core.notebook.apply import Notebooks
from streams.core.resolve import logged_asset_id
from streams.core.scores import Scoring
from streams.core.staff import Staff, deletion_line
from streams.core.store import Store
from streams.core.webhook import Record, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.directory import Asset
    from schemas.reference.lookup import Reference
    from streams.core.applied import Applied
    from streams.core.policy import Past, Policy
    from streams.core.state import Student
    from streams.core.store import Load
    from streams.core.webhook import Webhook

# An item that comes late has all of its student's laid anew. So many (in half a second) hold nobody else up.
_MOST_LAID: Final = 200_000

__all__ = ["ChunkProcessor", "Record"]


class Handler(Protocol):
    """Handles the records of one source."""

    def handle(self, webhook: Webhook, student: Student, now: int, /) -> Applied:
        """Judge a record that takes effect at `now` (ms) and apply it; writes facts and states, and nothing else."""


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
        self._effects = effects = Effects()
        self._documents = Documents()
        self._scoring = scoring = Scoring(effects.scores, policy.algorithm, policy.redact)
        store = self._store
        self._learnpack: Handler = LearnPack(store, reference, policy, past, facts=effects.facts, scoring=scoring)
        self._others: dict[str, Handler] = {
            "staff": Staff(store, reference, policy, scoring),
            "posthog": Notebooks(store, reference, policy, past, facts=effects.facts, scoring=scoring),
        }

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
        handler = self._others.get(webhook.headers.source, self._learnpack)
        self._write(webhook, handler.handle(webhook, student, now), now)

    def finish(self) -> Effects:
        """What the chunk leads to; call it once, after the last record."""
        for working in self._store.touched():
            self._scoring.write(working)
        effects = self._effects
        effects.telemetry = self._documents.records()
        effects.changes = self._store.changes()
        return effects

    def _write(self, webhook: Webhook, applied: Applied, now: int) -> None:
        """Add what a record led to, and its outcome."""
        effects = self._effects
        for asset in applied.assets:
            self._update_asset(asset)
        if applied.document is not None and applied.working is not None:
            self._documents.keep(applied.working, applied.document, applied.telemetry_id, now)
        if applied.forgets is not None:
            self._documents.forget(applied.forgets, webhook, now)
        if applied.completion is not None:
            effects.completions.append(applied.completion)
        if applied.deletes is not None:
            effects.outcomes.append(deletion_line(applied.deletes, webhook.version))
        effects.outcomes.append(self._outcome(webhook, applied, now))
        effects.verdicts[applied.decision.verdict] += 1

    def _update_asset(self, asset: Asset) -> None:
        """Write an asset's record, and know it at once: the next webhook may change it again before it comes back."""
        if self._past is not None:
            return
        self._effects.directory.append(ReferenceRecord("assets", asset.key, asset.value))
        self._reference.apply("assets", asset.key, asset.value)

    def _outcome(self, webhook: Webhook, applied: Applied, now: int) -> bytes:
        student, decision = student_id(webhook, self._reference, self._policy), applied.decision
        return outcome_line(
            webhook.id,
            is_streaming=webhook.is_streaming,
            event=webhook.event if applied.event is None else applied.event,
            academy_ids=self._academies(webhook, student),
            student_id=student,
            asset_id=logged_asset_id(webhook.payload, self._reference, strict=self._policy.strict),
            package_slug=webhook.package_slug or "",
            learnpack_package_id=webhook.package_id,
            status=decision.status,
            status_text=decision.text,
            verdict=decision.verdict,
            result=applied.result,
            source=webhook.headers.source,
            created_at=webhook.arrival,
            updated_at=now,
            version=webhook.version,
        )

    def _academies(self, webhook: Webhook, student: int | None) -> Sequence[int]:
        academies = [] if webhook.academy is None else [webhook.academy]
        user = None if student is None else self._reference.user(student)
        if user is not None:
            academies.extend(academy for academy in user.academies if academy != webhook.academy)
        return academies
