"""Which webhooks are refused or passed over before anything is folded (docs/semantics.md, "Order of judgement")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schemas import vocabulary as texts
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import may_write
from schemas.wire.names import name_of
from streams.core import dedup
from streams.core.resolve import resolver
from streams.core.run import known_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.lookup import Reference
    from schemas.vocabulary import Status, Verdict
    from streams.core.policy import Past, Policy
    from streams.core.state import Run, Student
    from streams.core.webhook import Webhook

__all__ = [
    "DONE",
    "STALE",
    "Decision",
    "Fingerprint",
    "error",
    "keys_of",
    "recorded",
    "redelivered",
    "refuse",
    "repeated",
    "screen",
    "spoofed",
    "student_id",
]

# An event without a time of its own can only be told from another one by when it came.
_UNTIMED_WINDOW: Final = 2000


class Decision(NamedTuple):
    """A webhook's final status, its text and its verdict."""

    status: Status
    text: str
    verdict: Verdict


DONE: Final = Decision("DONE", texts.OK, "stored")
STALE: Final = Decision("IGNORED", texts.STALE, "stale")


def error(text: str) -> Decision:
    """The decision for a webhook that cannot be processed."""
    return Decision("ERROR", text, "error")


def spoofed(webhook: Webhook, reference: Reference) -> Decision | None:
    """Refuse a personal token that reports somebody whom it may not (schemas.reference.tenancy)."""
    headers = webhook.headers
    may = may_write(headers, webhook.user, reference) if headers.permitted is None else headers.permitted
    if may is False:
        return error(texts.token_cannot_report(f"{headers.principal}", f"{webhook.user}"))
    return None


def recorded(webhook: Webhook, past: Past | None) -> Decision | None:
    """What a rule ignored the first time, where that is what counts."""
    text = None if past is None or past.ignored is None else past.ignored.get(webhook.version)
    return None if text is None else Decision("IGNORED", text, "ignored")


def screen(
    webhook: Webhook, reference: Reference, policy: Policy, past: Past | None = None, run: Run | None = None
) -> Decision | None:
    """Refuse a spoof and ignore what a rule of the academy names, or named; None lets the webhook pass.

    `run` is what the webhook's run is known by.
    """
    decision = spoofed(webhook, reference)
    if decision is not None:
        return decision
    if past is not None and past.ignored is not None:
        return recorded(webhook, past)
    if webhook.academy is None:
        return None
    rules = reference.rules(webhook.academy)
    if rules is None:
        return None
    known = None
    if rules.about_tutorials:
        batch = webhook.event == texts.BATCH
        known = known_of(run, webhook.payload, reference, batch=batch, strict=policy.strict)
    text = rules.match(webhook.payload, resolver(reference, strict=policy.strict), known)
    return None if text is None else Decision("IGNORED", text, "ignored")


class Fingerprint(NamedTuple):
    """What a redelivery of a webhook would have in common with it."""

    body: bytes
    keys: tuple[bytes, ...]
    window: int

    @classmethod
    def of(cls, webhook: Webhook, policy: Policy, *, timed: bool) -> Fingerprint:
        """Of a webhook with this `params` header; `timed` if its data has a time of its own (batches always count)."""
        window = policy.dedup_window if timed else min(_UNTIMED_WINDOW, policy.dedup_window)
        return cls(dedup.body_digest(webhook.value, webhook.params), keys_of(webhook), window)


def keys_of(webhook: Webhook) -> tuple[bytes, ...]:
    """The identities of a webhook's receipt and idempotency key, of those that it has."""
    headers = webhook.headers
    keys = []
    if headers.receipt is not None:
        keys.append(dedup.key_digest("receipt", headers.receipt))
    if headers.idempotency_key is not None:
        keys.append(dedup.key_digest("idempotency-key", headers.idempotency_key))
    return tuple(keys)


def redelivered(webhook: Webhook, keys: Sequence[bytes], student: Student) -> Decision | None:
    """Pass over a webhook whose receipt or idempotency key is that of one that was stored."""
    for key in keys:
        first = dedup.find_receipt(student.receipts, key)
        if first is not None and first != webhook.id:
            return Decision("IGNORED", texts.repeats(first), "duplicate")
    return None


def repeated(webhook: Webhook, fingerprint: Fingerprint, student: Student, now: int) -> Decision | None:
    """Pass over a redelivery of a webhook that was stored; `now` is its effective_at in milliseconds."""
    decision = redelivered(webhook, fingerprint.keys, student)
    if decision is not None:
        return decision
    first = dedup.find_body(student.bodies, fingerprint.body, now, fingerprint.window)
    if first is not None and first != webhook.id:
        return Decision("IGNORED", texts.repeats(first), "duplicate")
    return None


def refuse(webhook: Webhook, reference: Reference, policy: Policy) -> Decision | None:  # noqa: PLR0911 - a list of checks
    """The checks 0 to 4 on the payload alone, in their order."""
    payload = webhook.payload
    if not payload.get("event", True):
        return error(texts.NO_EVENT)
    if "slug" not in payload and "package_slug" not in payload:
        return error(texts.NO_SLUG)
    if policy.strict and webhook.user is not None and not _known(webhook.user, reference):
        return error(texts.student_not_found(_shown(webhook, payload["user_id"])))
    if webhook.event not in texts.EVENTS:
        return error(texts.event_not_implemented(name_of(f"{payload['event']}")))
    if webhook.event == texts.BATCH:
        anonymous = webhook.actor is None or (webhook.user is None and webhook.headers.principal is None)
        if webhook.actor is None or (policy.strict and anonymous):
            return error(texts.NO_USER)
        if policy.strict and not _known(webhook.actor, reference):
            return error(texts.student_not_found(webhook.actor))
    return None


def student_id(webhook: Webhook, reference: Reference, policy: Policy) -> int | None:
    """The user that the log names: the reported one, else the token's; in a strict directory only a known one.

    A token that sends for notebooks is the course's, so it names no student.
    """
    user = webhook.user or (None if webhook.headers.source == "posthog" else webhook.headers.principal)
    number = digits_as_id(user)
    return None if number is None or (policy.strict and not reference.has_user(number)) else number


def _known(user: str | None, reference: Reference) -> bool:
    number = digits_as_id(user)
    return number is not None and reference.has_user(number)


def _shown(webhook: Webhook, user_id: object) -> object:
    """A number as it was sent; a text may be somebody's name."""
    return user_id if webhook.user is None or webhook.user.isdecimal() else webhook.user
