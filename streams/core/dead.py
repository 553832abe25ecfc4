"""What the log of webhooks says of a record that became a dead letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.headers import HeaderError, decode_headers
from schemas.webhook import OFFSET_BITS, webhook_id
from streams.core.lines import outcome_line

if TYPE_CHECKING:
    from streams.core.webhook import Record

__all__ = ["dead_outcome"]


def dead_outcome(record: Record, reason: str) -> bytes:
    """The status row of a record that became a dead letter."""
    try:
        headers = decode_headers(record.headers)
        identity, academy, source = (
            webhook_id(record.partition, record.offset, headers),
            headers.academy,
            headers.source,
        )
    except HeaderError:
        identity, academy, source = record.partition << OFFSET_BITS | record.offset, None, "learnpack"
    return outcome_line(
        identity,
        is_streaming=False,
        event="",
        academy_ids=[] if academy is None else [academy],
        student_id=None,
        asset_id=None,
        package_slug="",
        learnpack_package_id=None,
        status="ERROR",
        status_text=reason,
        verdict="dead",
        result=None,
        source=source,
        created_at=record.timestamp,
        updated_at=record.timestamp,
        version=identity,
    )
