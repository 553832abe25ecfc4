"""What a webhook takes from the directory and gives to it: ids, grades, packages, and tasks that it completes."""

from __future__ import annotations

from typing import Any

import orjson

from tests.support.core import MORNING, Core
from tests.support.webhooks import DOCUMENT, batch


def test_the_outcome_names_the_academies_that_may_see_it(strict: Core) -> None:
    """First the request's scope, then the student's memberships."""
    assert strict.send(DOCUMENT, academy=9)["academy_ids"] == [9, 1, 2]
    assert strict.send(batch(telemetry_id="t2"), academy=2)["academy_ids"] == [2, 1]


def test_the_log_row_has_the_resolved_asset_and_the_package(strict: Core) -> None:
    """Candidates that do not exist give null; package ids are read as int() does."""
    row = strict.send(batch(asset_id="99, 6,5", package_id="12"))
    other = strict.send(batch(telemetry_id="t2", package_id="x", package_slug="p"))

    assert (row["asset_id"], row["learnpack_package_id"], row["package_slug"]) == (5, 12, "lists")
    assert (other["asset_id"], other["learnpack_package_id"], other["package_slug"]) == (None, None, "p")


def test_a_package_id_is_adopted_by_an_asset_found_by_its_id(strict: Core) -> None:
    """The directory's record gets the learnpack_id, unless it has one or the id is no number."""
    strict.send(batch(asset_id=5, package_id="x"))
    assert strict.directory == []

    strict.send(batch(asset_id=5, package_id="12", telemetry_id="t2"))
    [(kind, key, value)] = strict.directory
    assert (kind, key, orjson.loads(value or b"")["learnpack_id"]) == ("assets", b"5", 12)

    strict.send(batch(asset_id=5, package_id="13", telemetry_id="t3"))
    assert len(strict.directory) == 1


def test_package_events_update_the_directory(strict: Core) -> None:
    """A published package sets what is unset and the manifest; without an asset it is an error."""
    manifest = {"payload": {"manifest": {"a": 1}}}
    payload = {"event": "package_published", "slug": "x", "asset_id": 5, "package_id": 3, **manifest}
    assert strict.verdict(payload)[0] == "DONE"
    assert strict.reference.asset(5).fields()["manifest"] == {"a": 1}  # type: ignore[union-attr]

    assert strict.verdict({"event": "package_published", "slug": "unknown"}) == (
        "ERROR",
        "Asset specified by learnpack package_published was not found using either the payload 'asset_id' or 'slug'",
    )
    assert strict.verdict({"event": "package_manifest_updated", "slug": "lists"}) == (
        "ERROR",
        "Impossible to retrieve learnpack manifest from package_manifest_updated payload",
    )


def test_two_package_events_of_one_chunk_both_count(strict: Core) -> None:
    """The second changes the record that the first left."""

    def published(**fields: Any) -> dict[str, Any]:
        return {"event": "package_published", "slug": "x", "asset_id": 5, **fields}

    manifest = published(payload={"manifest": {"a": 1}})
    deployed = published(package={"deployment_url": "https://example.org"})
    strict.run([strict.record(manifest), strict.record(deployed)])
    asset = strict.reference.asset(5)

    assert asset is not None
    assert asset.fields()["manifest"] == {"a": 1}
    assert asset.fields()["learnpack_deploy_url"] == "https://example.org"


def test_only_a_graded_asset_is_scored_in_a_strict_directory(strict: Core) -> None:
    """Without grading the row says null; an open directory grades everything."""
    strict.refer("assets", 5, {"id": 5, "slug": "lists", "graded": False})
    strict.refer("tasks", 70, {"id": 70, "user_id": 7, "associated_slug": "lists"})
    strict.send(DOCUMENT)
    assert strict.score()["engagement_score"] is None

    core = Core()
    core.refer("assets", 5, {"id": 5, "slug": "lists", "graded": False})
    core.send(DOCUMENT)
    assert core.score()["engagement_score"] is not None


def finished(**changes: Any) -> dict[str, Any]:
    """The document of a student who has completed all steps."""
    step = {"slug": "01", "position": 0, "opened_at": MORNING, "completed_at": MORNING + 1000}
    return batch(steps=[step], **changes)


def test_a_finished_tutorial_is_announced_with_its_tasks_once(strict: Core) -> None:
    """A completion names the tasks of the whole translation group."""
    strict.send(DOCUMENT)
    assert strict.completions == []

    strict.send(finished(last_interaction_at=MORNING + 70_000))
    strict.send(finished(last_interaction_at=MORNING + 80_000))
    [completion] = strict.completions
    assert (completion["user_id"], completion["asset_slug"], completion["tasks"]) == (7, "lists", [70])
    assert (completion["task_status"], completion["revision_status"]) == ("DONE", "APPROVED")


def test_a_task_that_comes_later_is_completed_too(strict: Core) -> None:
    """A new task of a finished tutorial is announced by the next batch."""
    strict.send(finished())
    strict.refer("tasks", 71, {"id": 71, "user_id": 7, "associated_slug": "lists"})
    strict.send(finished(last_interaction_at=MORNING + 80_000))

    assert [completion["tasks"] for completion in strict.completions] == [[70], [70, 71]]
