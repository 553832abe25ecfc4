"""Which academy a webhook is of, and which academies' staff find it."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson
import pytest

from operations.directory import publish_reference
from schemas.wire.topics import Topics
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

LOG = "/v1/assignment/academy/learnpack/webhook"
ME = "/v1/assignment/me/telemetry"

_packages = itertools.count(7000)


@pytest.fixture
def package() -> int:
    """A package id that no other test uses, so that its filter shows only this test's rows."""
    return next(_packages)


def put_user(system: HttpSystem, number: int, academies: Sequence[int]) -> None:
    """Make a user a member of exactly these academies."""
    user = {"id": number, "first_name": "Late", "last_name": "Comer", "academies": list(academies)}
    asyncio.run(
        publish_reference(system.settings, Topics.of(system.settings).users, [(b"%d" % number, orjson.dumps(user))])
    )


def rows(system: HttpSystem, who: str, academy: int, **where: Any) -> list[dict[str, Any]]:
    """The rows of the log that a caller sees in an academy."""
    with system.client(who, academy) as client:
        found: list[dict[str, Any]] = client.get(LOG, params={"limit": 1000, **where}).json()["results"]
    return found


@pytest.fixture(scope="module")
def defaulting(system: HttpSystem) -> Iterator[HttpSystem]:
    """A gateway whose TELEMETRY_DEFAULT_ACADEMY is 6."""
    with system.another_gateway(TELEMETRY_DEFAULT_ACADEMY="6") as gateway:
        yield gateway


class Case(NamedTuple):
    """A request, the academies of its student, and those that its webhook must be in."""

    who: str
    headers: dict[str, str]
    params: dict[str, str]
    document: dict[str, int]
    member_of: list[int]
    expected: list[int]


PRECEDENCE = [
    Case("student", {"Academy": "3"}, {"academy": "4"}, {"academy_id": 5}, [], [3]),
    Case("student", {}, {"academy": "4"}, {"academy_id": 5}, [], [4]),
    Case("student", {"Academy": ""}, {}, {"academy_id": 5}, [], [5]),
    Case("student", {}, {}, {}, [], [6]),
    Case("ingest", {}, {}, {"academy_id": 5}, [], [1]),
    Case("ingest", {}, {}, {}, [8, 9], [1, 8, 9]),
    Case("student", {}, {}, {}, [8], [6, 8]),
    Case("student", {"Academy": "8"}, {}, {}, [8], [8]),
]


@pytest.mark.parametrize("case", PRECEDENCE)
def test_an_academy_is_the_requests_the_keys_the_documents_or_the_default(
    system: HttpSystem, defaulting: HttpSystem, package: int, case: Case
) -> None:
    """The first that says something counts, also for students of no academy; a student's own ones see it besides."""
    put_user(system, 1234, case.member_of)
    sent = {"user_id": 1234, "slug": "s", "package_slug": "everybodys", "package_id": package, "event": "open_step"}
    query = "SELECT academy_ids FROM webhooks WHERE learnpack_package_id = {package:Int64} ORDER BY id"

    def academies() -> list[int]:
        """Those of one more webhook, once it is processed."""
        before = len(system.query(query, package=package))
        headers = {"Authorization": f"Token {secret(case.who)}", **case.headers}
        body = {**sent, **case.document, "step_position": before}
        answer = httpx.post(
            f"{defaulting.url}{ME}", json=body, params=case.params, headers=headers, timeout=30, verify=PLAIN
        )
        assert answer.text == "ok"
        return list(eventually(lambda: system.query(query, package=package)[before:], what="its outcome")[-1][0])

    try:
        eventually(lambda: academies() == case.expected, what="the academies, with those that the worker has read")
    finally:
        put_user(system, 1234, [1])


@pytest.mark.parametrize("path", [ME, "/v1/learnpack/telemetry", "/batch/"])
@pytest.mark.parametrize("named", ["header", "parameter"])
def test_an_academy_that_is_no_number_is_refused(system: HttpSystem, path: str, named: str) -> None:
    """400 on every route that takes webhooks: one in no academy would be in nobody's log."""
    asked: dict[str, Any] = {"headers": {"Academy": "downtown"}} if named == "header" else {}
    asked |= {"params": {"academy": "downtown"}} if named == "parameter" else {}
    with system.client("student", None) as client:
        answer = client.post(path, json={"event": "open_step", "slug": "s", "user_id": 1234}, **asked)

    assert (answer.status_code, answer.json()["slug"]) == (400, "invalid-academy-id")


def test_members_who_join_later_bring_their_earlier_webhooks(system: HttpSystem, package: int) -> None:
    """As in the LMS: the log asks who is a member now; deleting does, too."""
    put_user(system, 901, [2])
    sent = {"user_id": 901, "slug": "s", "package_slug": "everybodys", "package_id": package, "event": "nope"}

    def heard_of() -> bool:
        """Whether the worker has heard of the member, told by one more webhook; before, it names no student."""
        before = len(system.query(texts, package=package))
        with system.client("foreign", None) as client:
            assert client.post(ME, json={**sent, "at": before}).text == "ok"
        (text,) = eventually(lambda: system.query(texts, package=package)[before:], what="its outcome")[0]
        return str(text).endswith("is not implemented")

    texts = "SELECT status_text FROM webhooks WHERE learnpack_package_id = {package:Int64} ORDER BY id"
    eventually(heard_of, what="a member whom the worker knows")
    known = [one["id"] for one in system.settled(1, "foreign", 2, learnpack_package_id=package, student=901)]
    (row, *_) = rows(system, "foreign", 2, learnpack_package_id=package, student=901)
    assert rows(system, "staff", 1, learnpack_package_id=package) == []
    assert rows(system, "staff", 1, learnpack_package_id=package, student=901) == []
    with system.client() as client:
        assert client.delete(f"{LOG}/{row['id']}").status_code == 404

    put_user(system, 901, [2, 1])

    def ids() -> list[int]:
        return [one["id"] for one in rows(system, "staff", 1, learnpack_package_id=package)]

    eventually(lambda: ids() == known, what="the rows in academy 1")
    assert [one["id"] for one in rows(system, "staff", 1, learnpack_package_id=package, student=901)] == known
    with system.client() as client:
        assert client.delete(f"{LOG}/{row['id']}").status_code == 204
    assert row["id"] not in {one["id"] for one in rows(system, "foreign", 2, learnpack_package_id=package)}


def test_a_student_that_the_directory_does_not_know_is_null(stack: Stack, tmp_path_factory: Any, package: int) -> None:
    """In an open directory, too, where anybody counts as known: no object without a name is made up."""
    with http_system(stack, tmp_path_factory.mktemp("open"), directory="open") as running:
        with running.client() as client:
            for user in (123, 31337):
                body = {"user_id": user, "slug": "s", "package_id": package, "event": "nope"}
                assert client.post(ME, json=body).text == "ok"
        found = {row["payload"]["user_id"]: row["student"] for row in running.settled(2, learnpack_package_id=package)}

    assert found == {123: {"id": 123, "first_name": "Ada", "last_name": "Lovelace"}, 31337: None}
