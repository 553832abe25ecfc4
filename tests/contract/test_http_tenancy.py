"""Whose students staff reach: every route that touches one, with every caller and every relation."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson
import pytest

from operations.directory import publish_reference
from operations.tokens import CAPABILITIES, NewToken, grant
from schemas.wire.topics import Topics
from tests.support.http_directory import secret
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME: Final = "/v1/assignment/me/telemetry"
BACK: Final = "/v1/learnpack/telemetry"
LOG: Final = "/v1/assignment/academy/learnpack/webhook"
SLUG: Final = "everybodys"

# Id and academies of a student of each relation to academy 1.
STUDENTS: Final = {"own": (70_001, [1]), "two": (70_002, [1, 2]), "other": (70_003, [2]), "nobodys": (70_004, [])}
MARK: Final = "not-for-everybody"

# Who calls -> whom it reaches, by relation.
CALLERS: Final = {
    "staff": {"own", "two"},
    "foreign": {"two", "other"},
    "both": {"own", "two", "other"},
    "student": set[str](),
}


@pytest.fixture(scope="module")
def tenants(system: HttpSystem) -> HttpSystem:
    """Each student with a task and a document that its own ingest key sent."""
    topics = Topics.of(system.settings)
    users = [
        (b"%d" % number, orjson.dumps({"id": number, "first_name": MARK, "last_name": "x", "academies": academies}))
        for number, academies in STUDENTS.values()
    ]
    tasks = [
        (b"%d" % number, orjson.dumps({"id": number, "user_id": number, "associated_slug": SLUG, "title": MARK}))
        for number, _ in STUDENTS.values()
    ]
    asyncio.run(publish_reference(system.settings, topics.users, users))
    asyncio.run(publish_reference(system.settings, topics.tasks, tasks))
    both = NewToken(5, {1: CAPABILITIES, 2: CAPABILITIES}, datetime(2026, 1, 1, tzinfo=UTC))
    asyncio.run(grant(system.settings, both, secret("both")))

    def known() -> bool:
        with system.client("both", None) as client:
            return client.get(f"/v1/assignment/task/{STUDENTS['other'][0]}").status_code == 200

    eventually(known, what="the directory in force")

    def taken() -> bool:
        """Whether the worker, which hears of students by itself, has taken a document of each; all are judged then."""
        with system.client("ingest") as client:
            for relation, (number, _) in STUDENTS.items():
                marks[relation] = uuid.uuid4().hex
                assert client.post(ME, json=document(number, agent=marks[relation])).text == "ok"
        verdicts = [eventually(partial(verdict, system, mark), what="its outcome") for mark in marks.values()]
        return set(verdicts) == {"stored"}

    marks: dict[str, str] = {}
    eventually(taken, what="students whom the worker knows")
    eventually(lambda: all(mark in (stored(system, one) or "") for one, mark in marks.items()), what="the documents")
    return system


def document(number: int, **more: Any) -> dict[str, Any]:
    """A student's batch."""
    return {"telemetry_id": f"run-{number}", "user_id": number, "slug": SLUG, "steps": [], "mark": MARK, **more}


def stored(system: HttpSystem, relation: str) -> str | None:
    """What is stored of a student."""
    rows = system.query("SELECT document FROM telemetry WHERE actor = {a:String}", a=str(STUDENTS[relation][0]))
    return str(rows[0][0]) if rows else None


def verdict(system: HttpSystem, mark: str) -> str | None:
    """What became of the webhook with a mark in it."""
    query = "SELECT verdict FROM webhooks WHERE id IN (SELECT id FROM raw WHERE position(payload, {m:String}) > 0)"
    rows = system.query(query, m=mark)
    return str(rows[0][0]) if rows else None


def calls() -> list[tuple[str, str]]:
    """Every caller with every relation."""
    return list(itertools.product(CALLERS, STUDENTS))


def client_of(system: HttpSystem, caller: str, academy: int | None) -> httpx.Client:
    """A client of a caller."""
    headers = {"Authorization": f"Token {secret(caller)}", **({} if academy is None else {"Academy": str(academy)})}
    return httpx.Client(base_url=system.url, headers=headers, timeout=30, verify=PLAIN)


@pytest.mark.parametrize(("caller", "relation"), calls())
def test_reading_back(tenants: HttpSystem, caller: str, relation: str) -> None:
    """The document of a reached student; of all others 403, in the same words for each of them."""
    number, _ = STUDENTS[relation]
    with client_of(tenants, caller, None) as client:
        answer = client.get(BACK, params={"user_ids": str(number)})
        stranger = client.get(BACK, params={"user_ids": "999999999"})

    if relation in CALLERS[caller]:
        assert [one["mark"] for one in answer.json()["results"]] == [MARK]
    else:
        assert (answer.status_code, answer.json()) == (403, stranger.json())


@pytest.mark.parametrize(("caller", "relation"), calls())
def test_tasks(tenants: HttpSystem, caller: str, relation: str) -> None:
    """The task of a reached student; all others are 404."""
    number, _ = STUDENTS[relation]
    with client_of(tenants, caller, None) as client:
        answer = client.get(f"/v1/assignment/task/{number}")

    assert answer.status_code == (200 if relation in CALLERS[caller] else 404)
    assert (MARK in answer.text) == (relation in CALLERS[caller])


@pytest.mark.parametrize(("caller", "relation"), calls())
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_setting_telemetry(tenants: HttpSystem, caller: str, relation: str, method: str) -> None:
    """Of a reached student only, in an academy in which it is a member; nothing of the others comes back."""
    number, academies = STUDENTS[relation]
    for academy in (1, 2):
        with client_of(tenants, caller, academy) as client:
            answer = client.request(
                method, f"/v1/assignment/academy/asset/{SLUG}/user/{number}/telemetry", content=b"{}"
            )
        reached = relation in CALLERS[caller] and academy in academies
        if answer.status_code == 403:
            assert caller in ("staff", "foreign", "student")
            assert not reached or caller != "both"
        else:
            assert answer.status_code == (200 if reached else 404), answer.text
        assert reached or MARK not in answer.text


@pytest.mark.parametrize(("caller", "relation"), calls())
@pytest.mark.parametrize("academy", [None, 1, 2])
def test_reporting(tenants: HttpSystem, caller: str, relation: str, academy: int | None) -> None:
    """A batch of another's is stored for a reached student only, whatever academy the request names."""
    number, academies = STUDENTS[relation]
    before, mark = stored(tenants, relation), uuid.uuid4().hex
    held = {"staff": {1}, "foreign": {2}, "both": {1, 2}, "student": set[int]()}[caller]
    counts = held if academy is None else held & {academy}
    with client_of(tenants, caller, academy) as client:
        answer = client.post(ME, json=document(number, mark=MARK, agent=mark))
    assert answer.status_code == 200

    found = eventually(lambda: verdict(tenants, mark), what="its outcome")
    if counts & set(academies):
        assert found == "stored"
        # By the way of documents, so that none of them comes while the next test looks.
        eventually(lambda: mark in (stored(tenants, relation) or ""), what="the document")
    else:
        assert found == "error"
        assert stored(tenants, relation) == before


def test_the_log_names_own_students_only(tenants: HttpSystem) -> None:
    """A webhook that names somebody else's student shows its id, and not who that is."""
    marks = {}
    with client_of(tenants, "staff", 1) as client:
        for relation, (number, _) in STUDENTS.items():
            marks[number] = relation
            client.post(ME, json=document(number, event="unknown-event", agent=uuid.uuid4().hex))
    expected = {"own": MARK, "two": MARK, "other": None, "nobodys": None}
    rows = eventually(lambda: _rows(tenants, marks), what="the rows")

    assert {marks[row["student"]["id"]]: row["student"]["first_name"] for row in rows} == expected


def _rows(system: HttpSystem, marks: dict[int, str]) -> list[dict[str, Any]]:
    with client_of(system, "staff", 1) as client:
        where = {"student": ",".join(map(str, marks)), "event": "unknown-event", "limit": "1000"}
        found: list[dict[str, Any]] = client.get(LOG, params=where).json()["results"]
    return found if {row["student"]["id"] for row in found} == set(marks) else []
