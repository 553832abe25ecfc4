"""Webhooks by what people know of them: the receipt that the gateway gave, or the student."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from operations.clickhouse import connected
from operations.cut import cut
from operations.trace import TraceError
from schemas.wire.webhook import normal_user_id

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["webhook_with_receipt", "webhooks_of"]

_RECEIPT: Final = "SELECT DISTINCT id FROM raw WHERE receipt = {receipt:String} ORDER BY id LIMIT 1"

# By the record's key, which also has those without an outcome yet, and by what the worker made of them.
_STUDENT: Final = f"""
WITH found AS
(
    SELECT id FROM raw WHERE key = {{student:String}}
    UNION DISTINCT SELECT id FROM webhooks WHERE toString(student_id) = {{student:String}}
)
SELECT r.id AS id, toString(r.received_at) AS received_at, w.event AS event, w.package_slug AS package_slug,
    if(w.status = '', 'PENDING', w.status) AS status, w.status_text AS status_text
FROM
(
    SELECT id, max(received_at) AS received_at FROM raw WHERE id IN (SELECT id FROM found) AND source != 'staff'
    GROUP BY id
) AS r
LEFT JOIN
(
    SELECT id, {cut("event")}, {cut("package_slug")}, status, {cut("status_text", 2000)}
    FROM webhooks WHERE id IN (SELECT id FROM found)
) AS w ON r.id = w.id
ORDER BY r.received_at DESC, r.id DESC LIMIT {{limit:UInt32}}
"""  # noqa: S608 - columns and limits are our own


def webhook_with_receipt(settings: Settings, receipt: str) -> int:
    """The id of the webhook with a receipt; raises TraceError if the sink has stored none, and ClickHouse's errors."""
    with contextlib.closing(connected(settings)) as client:
        rows = client.query(_RECEIPT, parameters={"receipt": receipt}).result_rows
    if not rows:
        message = (
            f"no webhook with the receipt {receipt} is stored. What came in the last seconds may be on its way; an id "
            "is a number, a receipt a UUID."
        )
        raise TraceError(message)
    return int(rows[0][0])


def webhooks_of(settings: Settings, student: str, limit: int) -> list[dict[str, Any]]:
    """A student's webhooks, the newest first; `student` is a user id, a name in notebooks or a telemetry_id.

    Raises TraceError if there is none, and ClickHouse's errors.
    """
    name = normal_user_id(student) or student
    with contextlib.closing(connected(settings)) as client:
        answer = client.query(_STUDENT, parameters={"student": name, "limit": limit})
        rows = list(answer.named_results())
    if not rows:
        message = f"no webhook of student {student} is stored; give a user id, a name in notebooks or a telemetry_id."
        raise TraceError(message)
    return rows
