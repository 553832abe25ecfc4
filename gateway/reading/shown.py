"""How people and instants are shown to an academy's staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.reference.tenancy import reaches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.reference.lookup import Reference

__all__ = ["full_name", "iso_instant", "shown_student"]


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


def full_name(student: Mapping[str, Any]) -> str:
    """First and last name of a student as `shown_student` gives one; empty where both are null or blank."""
    return " ".join(part for part in (student["first_name"], student["last_name"]) if part and part.strip())


def iso_instant(value: datetime) -> str:
    """An instant in UTC as ISO 8601 with milliseconds and `Z`."""
    # `strftime` leaves the noughts of early years out, which then nobody reads.
    return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
