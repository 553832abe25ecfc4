"""Who may see, change and report for whom: one rule, for every route and for the worker.

Staff reach the students of the academies in which they hold the capability, and no others: neither those of other
academies nor those who are in none (any more). A student always reaches itself.

The gateway judges by the directory of the moment, and writes what it found beside the record (schemas.wire.headers,
`permitted`), so that a replay finds the same after the student has left; the worker judges only what has no such mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.coercion import digits_as_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.reference.directory import Token, User
    from schemas.reference.lookup import Reference
    from schemas.wire.headers import RawHeaders

__all__ = [
    "CHANGE",
    "READ",
    "REPORT_FOR_ANYONE",
    "may_change",
    "may_report",
    "may_write",
    "reaches",
    "reporting_academies",
    "sees",
]

READ: Final = "read_assignment"
CHANGE: Final = "crud_telemetry"

# Held by whoever brings a whole log from elsewhere: it lets reports of others in, and nothing out.
REPORT_FOR_ANYONE: Final = "report_for_anyone"


def reaches(academies: Collection[int], student: User | None, *, strict: bool) -> bool:
    """Whether staff who hold a capability in `academies` have it for a student.

    `student` is what the directory knows, None where it knows nobody of that id: an open directory, which keeps no
    account of members then, leaves such a student to any staff; in a strict one there is no such student.
    """
    if student is None:
        return bool(academies) and not strict
    return not frozenset(academies).isdisjoint(student.academies)


def sees(token: Token, user_id: int | None, student: User | None, *, strict: bool) -> bool:
    """Whether a token may read what is kept of a user: its own, or as staff with read_assignment.

    A `user_id` of None stands for a student whom nobody knows.
    """
    if token.user_id is not None and token.user_id == user_id:
        return True
    return reaches(token.academies_with(READ), student, strict=strict)


def may_change(academy: int | None, student: User | None, *, strict: bool) -> bool:
    """Whether a command that staff gave in an academy may set a student's fields.

    None is a command of no academy, which no route sends: it needs a student who is known.
    """
    if academy is None:
        return student is not None or not strict
    return reaches((academy,), student, strict=strict)


def reporting_academies(token: Token, scope: int | None) -> tuple[int, ...]:
    """The academies whose students a token may report for; only that of the request where it names one."""
    academies = token.academies_with(CHANGE)
    if scope is not None:
        academies &= {scope}
    return tuple(sorted(academies))


def may_report(headers: RawHeaders, student: User | None) -> bool:
    """Whether the personal token that sent a record may report a student other than its own user.

    Of whom the directory does not know there is nothing to protect: a strict one refuses that webhook by itself.
    """
    if REPORT_FOR_ANYONE in headers.capabilities:
        return True
    if CHANGE not in headers.capabilities:
        return False
    if student is None:
        return True
    if headers.reports_in:
        return reaches(headers.reports_in, student, strict=True)
    # A record of before the gateway told in which academies: the capability is that of its own.
    return not student.academies or headers.academy in student.academies


def may_write(headers: RawHeaders, user: str | None, reference: Reference) -> bool | None:
    """Whether a record may report `user` (a normalised user id), as the directory is now.

    None where there is nothing to judge: it names nobody or its sender's own, or came in with an ingest key.
    """
    if headers.principal is None or user is None or user == headers.principal:
        return None
    number = digits_as_id(user)
    return may_report(headers, None if number is None else reference.user(number))
