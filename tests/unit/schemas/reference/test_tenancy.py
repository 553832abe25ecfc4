"""Who reaches whom: callers and relations, one table."""

from __future__ import annotations

from typing import Final

import pytest

from schemas.reference.directory import Token, User
from schemas.reference.lookup import Reference
from schemas.reference.tenancy import (
    CHANGE,
    READ,
    REPORT_FOR_ANYONE,
    may_change,
    may_report,
    may_write,
    reaches,
    reporting_academies,
    sees,
)
from schemas.wire.headers import RawHeaders, decode_headers, encode_headers


def student(*academies: int) -> User:
    """Student 7, a member of these academies."""
    return User(id=7, value=b"{}", academies=academies)


def token(user: int | None, **academies: tuple[str, ...]) -> Token:
    """A token of a user, with capabilities by academy (`a1`)."""
    granted = {int(name[1:]): frozenset(names) for name, names in academies.items()}
    return Token(sha256="", value=b"{}", user_id=user, academies=granted, ingest=user is None)


OWN: Final = student(1)
TWO: Final = student(1, 2)
OTHER: Final = student(2)
NOBODYS: Final = student()
UNKNOWN: Final = None

# A student's relation to academy 1, and whether its staff reach it: in an open directory, in a strict one.
RELATIONS: Final = [
    (OWN, True, True),
    (TWO, True, True),
    (OTHER, False, False),
    (NOBODYS, False, False),
    (UNKNOWN, True, False),
]
NAMES: Final = ["own", "two", "other", "nobodys", "unknown"]


@pytest.mark.parametrize(("whom", "when_open", "when_strict"), RELATIONS, ids=NAMES)
def test_staff_reach_the_students_of_their_academies(whom: User | None, *, when_open: bool, when_strict: bool) -> None:
    """To read, to change and to report, by one rule; without the capability nobody."""
    for strict, expected in ((False, when_open), (True, when_strict)):
        assert reaches((1,), whom, strict=strict) is expected
        assert may_change(1, whom, strict=strict) is expected
        assert sees(token(9, a1=(READ,)), 7, whom, strict=strict) is expected
        assert not reaches((), whom, strict=strict)
        assert not sees(token(9, a1=(CHANGE,)), 7, whom, strict=strict)
        assert not sees(token(9), 7, whom, strict=strict)
        assert not sees(token(None, a1=()), 7, whom, strict=strict)
        assert sees(token(7), 7, whom, strict=strict)


@pytest.mark.parametrize(("whom", "when_open", "_when_strict"), RELATIONS, ids=NAMES)
def test_staff_report_for_the_students_of_their_academies(
    whom: User | None, *, when_open: bool, _when_strict: bool
) -> None:
    """Whoever the directory does not know is refused as unknown, if at all, not as somebody else's."""
    headers = RawHeaders(principal="9", capabilities=(CHANGE,), reports_in=(1,))

    assert may_report(headers, whom) is when_open
    assert not may_report(RawHeaders(principal="9", capabilities=(READ,)), whom)
    assert may_report(RawHeaders(principal="9", capabilities=(REPORT_FOR_ANYONE,)), whom)


def test_the_academy_of_a_request_does_not_widen_what_staff_may() -> None:
    """Neither another academy's scope nor none lets them report for its students."""
    one, both = token(9, a1=(CHANGE,), a2=(READ,)), token(9, a1=(CHANGE,), a2=(CHANGE,))

    assert reporting_academies(one, None) == (1,)
    assert reporting_academies(one, 1) == (1,)
    assert reporting_academies(one, 2) == ()
    assert reporting_academies(both, None) == (1, 2)
    assert reporting_academies(both, 2) == (2,)
    assert reporting_academies(token(9), None) == ()


@pytest.mark.parametrize(
    ("academy", "whom", "allowed"),
    [(1, OWN, True), (1, OTHER, False), (1, NOBODYS, True), (None, OTHER, False), (None, NOBODYS, True)],
)
def test_an_older_record_counts_in_its_own_academy(academy: int | None, whom: User, *, allowed: bool) -> None:
    """It does not tell in which academies its capability holds; never for another academy's student."""
    assert may_report(RawHeaders(principal="9", capabilities=(CHANGE,), academy=academy), whom) is allowed


def test_the_academies_travel_in_a_header() -> None:
    """And come back as they were; without any there is none."""
    headers = RawHeaders(principal="9", capabilities=(CHANGE,), reports_in=(1, 22))

    assert ("reports-in", b"1,22") in encode_headers(headers)
    assert decode_headers(encode_headers(headers)) == headers
    assert "reports-in" not in dict(encode_headers(RawHeaders(principal="9")))


def test_what_the_gateway_found_travels_in_a_header() -> None:
    """As 0 or 1; without a decision there is none."""
    for permitted, value in ((True, b"1"), (False, b"0")):
        headers = RawHeaders(principal="9", permitted=permitted)
        assert ("permitted", value) in encode_headers(headers)
        assert decode_headers(encode_headers(headers)) == headers
    assert "permitted" not in dict(encode_headers(RawHeaders(principal="9")))


def test_only_whoever_names_somebody_else_is_judged() -> None:
    """An ingest key names anybody, a student itself."""
    known = Reference()
    known.apply("users", b"7", b'{"id": 7, "academies": [1]}')
    staff = RawHeaders(principal="9", capabilities=(CHANGE,), reports_in=(1,))

    assert [may_write(staff, user, known) for user in ("7", "8", "somebody", "9", None)] == [
        True,
        True,
        True,
        None,
        None,
    ]
    assert may_write(RawHeaders(principal="9", capabilities=(CHANGE,), reports_in=(2,)), "7", known) is False
    assert may_write(RawHeaders(), "7", known) is None
