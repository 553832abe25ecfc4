"""What the log of webhooks says of a record that became a dead letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.wire.headers import readable_headers
from schemas.wire.webhook import webhook_id
from streams.core.lines import outcome_line

if TYPE_CHECKING:
    from streams.core.webhook import Record

__all__ = ["dead_outcome"]


def dead_outcome(record: Record, reason: str) -> bytes:
    """The status row of a record that became a dead letter."""
    headers = readable_headers(record.headers)
    identity = webhook_id(record.partition, record.offset, headers)
    return outcome_line(
        identity,
        is_streaming=False,
        event="",
        academy_ids=[] if headers.academy is None else [headers.academy],
        student_id=None,
        asset_id=None,
        package_slug="",
        learnpack_package_id=None,
        status="ERROR",
        status_text=reason,
        verdict="dead",
        result=None,
        source=headers.source,
        created_at=record.timestamp,
        updated_at=record.timestamp,
        version=identity,
    )
