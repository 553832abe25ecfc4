"""The directory over HTTP (docs/directory.md, "Over HTTP")."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from operations.directory import load_reference
from operations.tokens import digest
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

DIRECTORY: Final = "/v1/telemetry/directory"
TASK: Final = "/v1/assignment/task"

_ids = itertools.count(880_000)


@pytest.fixture
def number() -> int:
    """An id that no other test uses."""
    return next(_ids)


def answer(response: httpx.Response) -> tuple[int, str]:
    """Status and slug."""
    return response.status_code, response.json()["slug"] if response.content else ""


def found(client: httpx.Client, number: int) -> Any:
    """What the gateway tells of a task, if it knows it."""
    told = client.get(f"{TASK}/{number}")
    return told.json() if told.status_code == 200 else None


def test_what_is_put_is_in_force_and_what_is_deleted_is_gone(system: HttpSystem, number: int) -> None:
    """Requests see it soon; the same again changes nothing, and what is not there may be deleted."""
    task = {"user_id": 1234, "associated_slug": "untouched", "title": "Made over HTTP", "own": [1.10]}
    with system.client() as client:
        for _ in range(2):
            assert answer(client.put(f"{DIRECTORY}/tasks/{number}", json=task)) == (204, "")
        # As a rule the next request does, but an answer does not wait for its process's view without end.
        seen = eventually(lambda: found(client, number), 30, "the task in force")
        for _ in range(2):
            assert answer(client.delete(f"{DIRECTORY}/tasks/{number}")) == (204, "")
        eventually(lambda: found(client, number) is None, 30, "the task gone")
        gone = client.get(f"{TASK}/{number}")

    assert {name: seen[name] for name in ("id", *task)} == {"id": number, **task}
    assert answer(gone) == (404, "task-not-found")


def test_lines_are_written_or_refused_one_by_one(system: HttpSystem, number: int) -> None:
    """Each has its result in the order of the body, in the caller's language; the others stand, an id's last one."""
    lines = (
        f'{{"id": {number}, "user_id": 1234, "title": "first"}}\n'
        f'{{"id": {number}, "user_id": 1234, "title": "second", "kind": "task"}}\n\n'
        f'{{"id": {number + 100_000}, "user_id": 900}}\n'
        "{\n"
        '{"id": 890702, "deleted": true}\n'
        f'{{"id": {number + 200_000}, "deleted": true}}\n'
    )
    with system.client(**{"Accept-Language": "es"}) as client:
        written = client.post(
            f"{DIRECTORY}/tasks", content=gzip.compress(lines.encode()), headers={"Content-Encoding": "gzip"}
        )
        body = written.json()
        eventually(lambda: client.get(f"{TASK}/{number}").json()["title"] == "second", 30, "the last line in force")

    results = [(one["line"], one["id"], one["result"], one.get("slug")) for one in body.pop("results")]
    assert (written.status_code, body) == (200, {"written": 2, "deleted": 1, "refused": 3})
    assert results == [
        (1, str(number), "written", None),
        (2, str(number), "written", None),
        (4, str(number + 100_000), "refused", "missing-capability"),
        (5, None, "refused", "invalid-directory-record"),
        (6, "890702", "refused", "missing-capability"),
        (7, str(number + 200_000), "deleted", None),
    ]
    assert written.json()["results"][3]["detail"].startswith("El registro no es válido: not a JSON object")


def test_a_token_is_known_by_its_digest_and_ends_when_it_is_deleted(system: HttpSystem) -> None:
    """It works as soon as it is put, and not any more once it is deleted; what holds a secret is refused."""
    made = "made-over-http-0001"
    path = f"{DIRECTORY}/tokens/{digest(made)}"
    documents = "/v1/learnpack/telemetry"
    with (
        system.client(academy=None) as client,
        httpx.Client(
            base_url=system.url, headers={"Authorization": f"Token {made}"}, timeout=30, verify=PLAIN
        ) as holder,
    ):
        assert answer(client.put(path, json={"user_id": 123, "secret": made})) == (400, "invalid-directory-record")
        assert answer(client.put(f"{DIRECTORY}/tokens/{made}", json={"user_id": 123})) == (
            400,
            "invalid-directory-record",
        )
        assert answer(client.put(path, json={"user_id": 900})) == (403, "missing-capability")
        assert holder.get(documents).status_code == 401
        assert answer(client.put(path, json={"id": digest(made), "user_id": 123})) == (204, "")
        eventually(lambda: holder.get(documents).status_code == 200, 30, "the token in force")
        assert answer(client.delete(path)) == (204, "")
        eventually(lambda: holder.get(documents).status_code == 401, 30, "the token ended")


def test_a_token_that_a_sync_has_seen_ends_with_a_mark(system: HttpSystem) -> None:
    """However often it is deleted, so that no sync writes it again; whoever puts it brings it back."""
    sha256 = digest("made-over-http-0002")
    with system.client(academy=None) as client:
        for end in (
            lambda: client.delete(f"{DIRECTORY}/tokens/{sha256}").status_code,
            lambda: client.post(f"{DIRECTORY}/tokens", json={"id": sha256, "deleted": True}).json()["deleted"],
        ):
            put = client.put(f"{DIRECTORY}/tokens/{sha256}", json={"user_id": 123, "synced": True})
            assert answer(put) == (204, "")
            assert not asyncio.run(load_reference(system.settings)).is_revoked(sha256)
            for _ in range(2):
                assert end() in (204, 1)
                reference = asyncio.run(load_reference(system.settings))
                assert reference.is_revoked(sha256)
                assert reference.token(sha256) is None


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("things/1", {}, (404, "not-found")),
        ("users/x", {}, (400, "invalid-directory-record")),
        ("users/1", [], (400, "invalid-directory-record")),
        ("users/1", {"id": 2}, (400, "invalid-directory-record")),
        ("users/1", {"academies": "1"}, (400, "invalid-directory-record")),
        ("assets/301", {"academy": 1}, (400, "invalid-directory-record")),
        ("academies/1", {"timezone": "Madrid"}, (400, "invalid-directory-record")),
        ("users/123", {"academies": [1, 2]}, (403, "missing-capability")),
        ("users/123", {"academies": [1], "x": "a" * (1 << 20)}, (413, "body-too-large")),
    ],
)
def test_what_cannot_be_a_record_is_refused(
    system: HttpSystem, path: str, body: Any, expected: tuple[int, str]
) -> None:
    """With the reason, and nothing changes."""
    with system.client() as client:
        put = client.put(f"{DIRECTORY}/{path}", json=body)

    assert answer(put) == expected


def test_a_body_has_so_many_lines_at_most(system: HttpSystem) -> None:
    """10,000 are taken, with what follows the last line's end; more are refused before any is written."""
    line = b'{"id": 889999, "deleted": true}\n'
    with system.client() as client:
        most = client.post(f"{DIRECTORY}/tasks", content=line * 10_000)
        more = client.post(f"{DIRECTORY}/tasks", content=line * 10_001)
        none = client.post(f"{DIRECTORY}/tasks")

    assert (most.status_code, most.json()["deleted"], len(most.json()["results"])) == (200, 10_000, 10_000)
    assert answer(more) == (413, "too-many-values")
    assert none.json() == {"written": 0, "deleted": 0, "refused": 0, "results": []}


@pytest.mark.parametrize(("who", "academy"), [("reader", 1), ("student", None), ("ingest", None), ("foreign", 1)])
def test_without_the_capability_nothing_is_written(system: HttpSystem, who: str, academy: int | None) -> None:
    """403 before the body is read."""
    with system.client(who, academy) as client:
        answers = [
            client.put(f"{DIRECTORY}/users/123", content=b"{"),
            client.delete(f"{DIRECTORY}/users/123"),
            client.post(f"{DIRECTORY}/users", content=b"{"),
        ]

    assert {answer(one) for one in answers} == {(403, "missing-capability")}


def test_who_names_no_academy_writes_in_all_of_the_tokens(system: HttpSystem, number: int) -> None:
    """An operator's token the whole directory; with an academy that one's records alone."""
    with system.client(academy=None) as client:
        everywhere = client.put(f"{DIRECTORY}/users/{number}", json={"academies": [2]})
        narrowed = client.delete(f"{DIRECTORY}/users/{number}", headers={"Academy": "1"})
        odd = client.delete(f"{DIRECTORY}/users/{number}", params={"academy": "x"})
        again = client.delete(f"{DIRECTORY}/users/{number}")

    assert [answer(one) for one in (everywhere, narrowed, odd, again)] == [
        (204, ""),
        (403, "missing-capability"),
        (400, "invalid-academy-id"),
        (204, ""),
    ]
