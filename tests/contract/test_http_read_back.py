"""What was sent is read back as the tutorial's document, by whoever may (docs/api.md, "Send telemetry")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ingest import ME
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system


def test_a_batch_is_read_back(system: HttpSystem) -> None:
    """What the IDE posts to either address it gets back, with steps only if it asks."""
    document = {
        "telemetry_id": "ide-1",
        "user_id": 456,
        "slug": "introduccion-a-arrays",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734603600000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    with system.client() as client:
        assert client.post("/v1/learnpack/telemetry", json=document, params={"asset_id": "302"}).text == "ok"
        params = {"user_ids": "456", "package_slug": "introduccion-a-arrays", "include_buffer": "true"}

        def results(**more: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get("/v1/learnpack/telemetry", params={**params, **more}).json()[
                "results"
            ]
            return found

        whole = {**document, "asset_id": "302"}
        eventually(lambda: results(include_steps="true") == [whole], what="the document")

        assert results() == [{name: value for name, value in whole.items() if name != "steps"}]


def test_a_tutorial_is_read_back_by_any_of_its_names(system: HttpSystem) -> None:
    """The IDE reads by its own slug what it posted with an asset id, and its second post is of the same tutorial."""
    document = {
        "telemetry_id": "ide-3",
        "user_id": 123,
        "slug": "everybodys-exercises-of-the-ide",
        "package_slug": "everybodys-package",
        "package_id": 7700,
        "agent": "cloud",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734603600000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    with system.client("other-student", None) as client:

        def read(**params: str) -> list[str]:
            answer = client.get("/v1/learnpack/telemetry", params={"include_steps": "true", **params})
            found: list[dict[str, Any]] = answer.json()["results"]
            return [one["slug"] for one in found if one["telemetry_id"] == "ide-3" and one["steps"]]

        assert client.post(ME, json=document, params={"asset_id": "400"}).text == "ok"
        assert client.post("/v1/learnpack/telemetry", json=document).text == "ok"
        rows = system.settled(2, learnpack_package_id=7700)
        names = ("everybodys", "everybodys-exercises-of-the-ide", "everybodys-package")

        assert {row["status"] for row in rows} == {"DONE"}
        # Documents are stored by a way of their own.
        eventually(lambda: [read(package_slug=name) for name in names] == [[document["slug"]]] * len(names))
        assert read(package_id="7700") == [document["slug"]]
        assert read(package_id="7701") == read(package_slug="7700") == []


def test_streamed_events_are_read_back_with_the_batch(system: HttpSystem) -> None:
    """A compilation that came after the batch is in the document that is read."""
    document = {
        "telemetry_id": "ide-2",
        "user_id": 123,
        "slug": "everybodys",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734600000000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    event = {
        "telemetry_id": "ide-2",
        "user_id": 123,
        "slug": "00",
        "step_position": 0,
        "event": "compile",
        "data": {"starting_at": 1734600100000, "ended_at": 1734600101000, "exit_code": 0},
    }
    with system.client("other-student", None) as client:
        assert client.post(ME, json=document).text == "ok"
        assert client.post(ME, json=event).text == "ok"

        def compilations() -> list[Any]:
            answer = client.get(
                "/v1/learnpack/telemetry", params={"package_slug": "everybodys", "include_steps": "true"}
            )
            (read,) = answer.json()["results"]
            return read["steps"][0].get("compilations") or []

        (compilation,) = eventually(compilations)

    assert compilation["started_at"] == 1734600100000
    assert compilation["exit_code"] == 0


def test_a_document_of_nobody_is_an_empty_list(system: HttpSystem) -> None:
    """The IDE starts afresh where there is nothing."""
    with system.client() as client:
        answer = client.get("/v1/learnpack/telemetry", params={"user_ids": "1234", "package_slug": "nothing"})

    assert answer.json() == {"results": []}


def test_only_the_own_documents_can_be_read_without_a_capability(system: HttpSystem) -> None:
    """A student reads the own; a teacher those of the academy's members; an ingest key none."""

    def read(token: str, user: int | None) -> tuple[int, str]:
        with system.client(token, None) as client:
            params = {} if user is None else {"user_ids": str(user)}
            answer = client.get("/v1/learnpack/telemetry", params=params)
        return answer.status_code, answer.json().get("slug", "")

    assert read("student", None) == (200, "")
    assert read("student", 1234) == (200, "")
    assert read("student", 123) == (403, "missing-capability")
    assert read("reader", 123) == (200, "")
    assert read("reader", 900) == (403, "missing-capability")
    assert read("foreign", 900) == (200, "")
    assert read("foreign", 123) == (403, "missing-capability")
    assert read("ingest", 123) == (403, "missing-capability")
    assert read("ingest", None) == (403, "missing-capability")
