"""What is remembered of a stored webhook, so that its redelivery is told from another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.core import dedup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.core.decide import Fingerprint
    from streams.core.state import Student
    from streams.core.store import Store
    from streams.core.webhook import Webhook

__all__ = ["remember", "remember_keys"]


def remember(  # noqa: PLR0917 - what it is, and whose
    store: Store, webhook: Webhook, fingerprint: Fingerprint, student: Student, now: int, window: int
) -> None:
    """Remember body and keys of a webhook that took effect at `now`; `window` is how long a body is known, both ms."""
    student.bodies = dedup.remember_body(student.bodies, fingerprint.body, webhook.id, now, window)
    remember_keys(store, webhook, fingerprint.keys, student, now)


def remember_keys(store: Store, webhook: Webhook, keys: Sequence[bytes], student: Student, now: int) -> None:
    """Remember the keys of a webhook that took effect at `now` (ms)."""
    student.effective_at = now
    for key in keys:
        student.receipts = dedup.remember_receipt(student.receipts, key, webhook.id)
    store.touch_student(webhook.student)
