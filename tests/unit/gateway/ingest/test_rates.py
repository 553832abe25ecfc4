"""Who may send how fast."""

from __future__ import annotations

import sys

import pytest

from gateway.ingest import rates
from gateway.ingest.buckets import Allowance
from gateway.ingest.rates import Rates
from schemas.reference.directory import Token

EACH = Allowance(600, 64 << 20)
KEY = Allowance(60_000, 2 << 30)
COURSE = Token(sha256="c" * 64, value=b"{}", ingest=True)
OTHER_COURSE = Token(sha256="d" * 64, value=b"{}", ingest=True)
PERSONAL = Token(sha256="p" * 64, value=b"{}")
SCHOOL = "203.0.113.7"


def passes(rate: Rates, student: str, now: float, *, token: Token = COURSE, address: str = SCHOOL) -> bool:
    """Whether an event of 500 bytes passes."""
    return rate.of_student(token, student.encode(), address, 500, now) is None


def test_a_class_loses_nothing() -> None:
    """30 students with an event each two seconds, for ten minutes, on one key and from one address."""
    rate = Rates(EACH, KEY)

    assert all(
        passes(rate, f"student-{number}", second + number / 30) for second in range(0, 600, 2) for number in range(30)
    )


def test_a_large_course_may_begin_at_once() -> None:
    """2,000 students of one address who send ten webhooks each within a minute."""
    rate = Rates(EACH, KEY)

    assert all(passes(rate, f"s{number}", turn * 6 + number / 400) for turn in range(10) for number in range(2000))


def test_a_student_has_the_limit_of_a_token() -> None:
    """One who sends without end is refused, and nobody else with the same key."""
    rate = Rates(EACH, KEY)
    passed = [passes(rate, "hostile", 0.0) for _ in range(1000)]

    assert sum(passed) == 600
    assert passes(rate, "another", 0.0)
    assert passes(rate, "hostile", 0.0, token=OTHER_COURSE)


def test_a_student_has_a_limit_of_bytes() -> None:
    """Documents of five megabytes are soon too many."""
    rate = Rates(EACH, KEY)
    refusals = [rate.of_student(COURSE, b"hostile", SCHOOL, 5 << 20, 0.0) for _ in range(20)]
    refusal = refusals[-1]

    assert [one is None for one in refusals] == [True] * 13 + [False] * 7
    assert refusal is not None
    assert refusal.of_bytes
    assert passes(rate, "another", 0.0)


@pytest.mark.parametrize("attackers_address", [SCHOOL, "198.51.100.1"])
def test_invented_students_take_nothing_from_real_ones(attackers_address: str) -> None:
    """Whoever was there stays, however many names an attacker makes up, for ten minutes, from the same address too."""
    rate = Rates(EACH, KEY)
    real = [f"student-{number}" for number in range(200)]
    assert all(passes(rate, student, 0.0) for student in real)
    invented = 0
    for second in range(0, 600, 30):
        for _ in range(5000):
            invented += 1
            passes(rate, f"invented-{invented}", float(second), address=attackers_address)
        assert all(passes(rate, student, float(second)) for student in real)

    assert passes(rate, "new-student", 600.0, address="192.0.2.1")


def test_invented_students_pass_a_few_at_a_time() -> None:
    """Above the number of new ones that an address may have, they share the bucket of one."""
    rate = Rates(EACH, KEY)
    passed = sum(passes(rate, f"invented-{number}", 0.0) for number in range(20_000))

    assert passed == KEY.requests // 30 + EACH.requests


def test_who_sends_little_passes_above_the_keys_limit() -> None:
    """A hundred who send all they may use up what the key has; then only they are refused."""
    rate = Rates(EACH, KEY)
    assert passes(rate, "student", 0.0)
    passed = sum(passes(rate, f"hostile-{number}", 1.0) for _ in range(600) for number in range(150))

    assert KEY.requests <= passed <= KEY.requests + 150 * 30
    assert not passes(rate, "hostile-1", 1.0)
    assert passes(rate, "student", 1.0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many students, addresses and long names there are."""
    monkeypatch.setattr(rates, "_MOST_STUDENTS", 1000)
    monkeypatch.setattr(rates, "_MOST_ADDRESSES", 100)
    rate = Rates(EACH, KEY)
    for number in range(5000):
        passes(rate, f"{number}" * 60, number / 1000, address=f"a{number}")
    students, addresses = rate._students, rate._addresses  # noqa: SLF001 - nothing else shows it

    assert len(students) <= 1000
    assert len(addresses) <= 100
    assert max(sys.getsizeof(name) for name in students._buckets) < 64  # noqa: SLF001 - as above


def test_a_personal_token_has_its_own() -> None:
    """Requests are counted before their bodies, bytes after them."""
    rate = Rates(Allowance(2, 1000), KEY)

    assert rate.of_token(PERSONAL, 0.0) is None
    rate.add_bytes(PERSONAL, 2000)
    refusal = rate.of_token(PERSONAL, 0.0)
    assert refusal is not None
    assert refusal.of_bytes
    assert rate.of_token(PERSONAL, 61.0) is None
    assert rate.of_token(PERSONAL, 61.0) is None
    refusal = rate.of_token(PERSONAL, 61.0)
    assert refusal is not None
    assert not refusal.of_bytes
