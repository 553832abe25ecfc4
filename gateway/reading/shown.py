"""How people and instants are shown to an academy's staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.reference.tenancy import reaches

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.reference.lookup import Reference

__all__ = ["iso_instant", "shown_student"]


def shown_student(reference: Reference, number: int, academy: int, *, strict: bool) -> dict[str, Any] | None:
    """A student's id and names, None where the directory does not know the id.

    The names are null where the academy's staff do not reach the student: anybody may send a webhook that names a
    student to any academy, and that must not tell who it is.
    """
    user = reference.user(number)
    if user is None:
        return None
    shown = user if reaches((academy,), user, strict=strict) else None
    if shown is None:
        return {"id": number, "first_name": None, "last_name": None}
    return {"id": number, "first_name": shown.first_name, "last_name": shown.last_name}


def iso_instant(value: datetime) -> str:
    """An instant in UTC as ISO 8601 with milliseconds and `Z`."""
    return f"{value.strftime('%Y-%m-%dT%H:%M:%S')}.{value.microsecond // 1000:03}Z"
