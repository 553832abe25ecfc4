"""Assets with statistics (docs/api.md, "An asset's statistics")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_directory import ASSETS
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ASSET = "/v1/registry/academy/asset/javascript-arrays-intro"


@pytest.fixture(scope="module")
def stats(system: HttpSystem) -> dict[str, Any]:
    """The statistics of an asset once they hold a student's scores."""
    with system.client() as client:
        path = "/v1/assignment/academy/asset/javascript-arrays-intro/user/123/telemetry"
        client.post(path, json={"engagement_score": 80, "frustration_score": 10, "completion_rate": 50})

        def computed() -> dict[str, Any]:
            answer: dict[str, Any] = client.get(ASSET).json()["telemetry_stats"]
            return answer if answer["days"] else {}

        return eventually(computed)


def test_the_asset_comes_with_its_statistics(system: HttpSystem, stats: dict[str, Any]) -> None:
    """All fields of the directory and, by day, the documented figures."""
    with system.client() as client:
        asset = client.get(ASSET).json()

    assert {name: value for name, value in asset.items() if name != "telemetry_stats"} == ASSETS[0]
    assert set(asset["telemetry_stats"]) == {"last_sync_at", "days"}
    (day,) = stats["days"]
    assert len(day) == len("YYYY-MM-DD")
    assert set(stats["days"][day]) == {"frustration_avg", "engagement_avg", "completion_avg", "total_sessions"}
    assert stats["last_sync_at"].endswith("+00:00")


@pytest.mark.parametrize("content", [b"{}", b""])
def test_syncing_answers_the_asset(system: HttpSystem, stats: dict[str, Any], content: bytes) -> None:
    """200 with the asset, whether or not a body is sent; synced not before its figures were computed."""
    with system.client() as client:
        answer = client.put(f"{ASSET}/action/sync_telemetry_stats", content=content)

    assert answer.status_code == 200
    assert answer.json()["id"] == 301
    assert answer.json()["telemetry_stats"]["days"]
    assert answer.json()["telemetry_stats"]["last_sync_at"] >= stats["last_sync_at"]


@pytest.mark.usefixtures("stats")
def test_the_time_of_the_last_sync_moves(system: HttpSystem) -> None:
    """Each sync sets it, and reading leaves it."""
    own = "/v1/registry/academy/asset/only-synced"
    with system.client() as client:
        assert client.get(own).json()["telemetry_stats"]["last_sync_at"] is None
        before = ""
        for _ in range(2):
            synced = client.put(f"{own}/action/sync_telemetry_stats").json()["telemetry_stats"]["last_sync_at"]
            assert synced > before
            read = [client.get(own).json() for _ in range(2)]
            assert [asset["telemetry_stats"]["last_sync_at"] for asset in read] == [synced, synced]
            before = synced


def test_upper_and_lower_case_are_one(system: HttpSystem) -> None:
    """A slug is found however it is written."""
    with system.client() as client:
        assert client.get("/v1/registry/academy/asset/JavaScript-Arrays-INTRO").json()["id"] == 301


def test_an_asset_of_no_academy_is_everybodys(system: HttpSystem) -> None:
    """It shows in each academy, one of another academy does not."""
    with system.client("foreign", 2) as client:
        everybodys = client.get("/v1/registry/academy/asset/everybodys")
        others = client.get(ASSET)

    assert everybodys.json()["id"] == 400
    assert (others.status_code, others.json()["slug"]) == (404, "asset-not-found")


def test_an_unknown_asset_is_not_found(system: HttpSystem) -> None:
    """404 `asset-not-found` for reading and for any action."""
    with system.client() as client:
        for answer in (
            client.get("/v1/registry/academy/asset/nothing"),
            client.put("/v1/registry/academy/asset/nothing/action/sync_telemetry_stats"),
        ):
            assert (answer.status_code, answer.json()["slug"]) == (404, "asset-not-found")


def test_an_unknown_action_is_refused(system: HttpSystem) -> None:
    """400 `action-not-found`, which names those that there are."""
    with system.client() as client:
        answer = client.put(f"{ASSET}/action/publish")

    assert (answer.status_code, answer.json()["slug"]) == (400, "action-not-found")
    assert "sync_telemetry_stats" in answer.json()["detail"]
