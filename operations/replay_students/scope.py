"""The scope of a replay in place, and which students it takes in (pure).

What is computed of one student depends on that student's webhooks alone, so a scope is always some whole students: one,
or all who have or would have something on a tutorial or in an academy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations.wording import counted
from schemas import vocabulary as texts
from schemas.coercion import digits_as_id
from schemas.wire.notebook import events_of, notebook_of
from schemas.wire.webhook import ANONYMOUS, normal_user_id
from streams.core.decide import student_id
from streams.core.identity import identify
from streams.core.resolve import resolve_batch, resolve_event

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.reference.lookup import Reference
    from streams.core.policy import Policy
    from streams.core.webhook import Webhook

__all__ = ["Scope", "Students", "unit_of", "whom"]


def unit_of(actor: str) -> bytes:
    """The student under whom the worker keeps what it knows of an actor."""
    return actor.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Scope:
    """One student, one tutorial by its slug, or one academy; exactly one of them is not None."""

    student: str | None = None
    asset: str | None = None
    academy: int | None = None

    def __str__(self) -> str:
        if self.student is not None:
            return f"student {self.student}"
        return f"asset {self.asset}" if self.asset is not None else f"academy {self.academy}"


def whom(scope: Scope, units: Collection[bytes]) -> str:
    """Whom a replay recomputes: its one student, or how many, and how many runs in which nobody was logged in."""
    if scope.student is not None:
        return str(scope)
    runs = sum(unit.startswith(ANONYMOUS.encode()) for unit in units)
    students = counted(len(units) - runs, "student", ",")
    return f"{students}, {counted(runs, 'run', ',')} of nobody known" if runs else students


class Students:
    """Tells by one webhook whether it makes its student one of the scope."""

    def __init__(self, scope: Scope, reference: Reference, policy: Policy) -> None:
        """Ask the directory and by the settings as they are now."""
        self._reference = reference
        self._policy = policy
        self._academy = scope.academy
        self.actor = None if scope.student is None else normal_user_id(scope.student) or scope.student
        # A user id that is no number is kept as its pseudonym, a notebook's name perhaps as it was sent.
        self.actors = (
            frozenset() if self.actor is None else frozenset({self.actor, policy.pseudonyms.actor_of(self.actor)})
        )
        self.slugs = frozenset() if scope.asset is None else self._slugs(scope.asset)

    @property
    def by_name_alone(self) -> bool:
        """Whether the student's own name tells every webhook, so that no other one has to be looked at."""
        if self.actor is None:
            return False
        number = digits_as_id(self.actor)
        user = None if number is None else self._reference.user(number)
        return user is None or not user.notebook_names

    def _slugs(self, slug: str) -> frozenset[str]:
        asset = self._reference.asset_by_slug(slug)
        # Rows may still be under the slug of a translation.
        return frozenset(
            {slug} if asset is None else {slug, *(translation.slug for translation in self._reference.group(asset))}
        )

    def concerns(self, webhook: Webhook) -> bool:
        """Whether the webhook's student belongs to the scope because of it; the webhook is identified then."""
        identify(webhook, self._policy)
        if self.actor is not None:
            return webhook.actor in self.actors or self._linked(webhook)
        if self._academy is not None:
            return self._in_academy(webhook, self._academy)
        return not self.slugs.isdisjoint(self._tutorials(webhook))

    def _linked(self, webhook: Webhook) -> bool:
        if webhook.named is None:
            return False
        user = self._reference.user_named(webhook.named)
        return user is not None and str(user) == self.actor

    def _in_academy(self, webhook: Webhook, academy: int) -> bool:
        if webhook.academy == academy:
            return True
        number = student_id(webhook, self._reference, self._policy)
        user = None if number is None else self._reference.user(number)
        return user is not None and academy in user.academies

    def _tutorials(self, webhook: Webhook) -> set[str]:
        """Slugs that the webhook names; what a session knows was named by another webhook of the same student."""
        payload, strict = webhook.payload, self._policy.strict
        if webhook.headers.source == "staff":
            return {str(payload.get("asset_slug"))}
        if webhook.headers.source == "posthog":
            return {slug for event in events_of(payload) if (slug := notebook_of(event))}
        if webhook.event == texts.BATCH:
            resolved = resolve_batch(payload, self._reference, strict=strict)
        else:
            resolved = resolve_event(payload, None, self._reference, strict=strict)
        return set() if resolved is None else {resolved.slug}
