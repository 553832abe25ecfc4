"""Staff commands (docs/semantics.md, "Staff commands")."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.reference.tenancy import CHANGE
from streams.core.errors import Undecodable
from streams.core.policy import Policy
from tests.support.client import Client
from tests.support.core import MORNING, Core, live_rows


def command(kind: str = "upsert", user: str = "7", slug: str = "lists", **fields: Any) -> dict[str, Any]:
    """A command that sets fields of a student's telemetry."""
    return {"command": f"telemetry.{kind}", "user_id": user, "asset_slug": slug, "fields": fields}


def send(core: Core, payload: dict[str, Any], **options: Any) -> Any:
    """Process a command; its result."""
    return core.send(payload, source="staff", **options)["result"]


def test_an_upsert_creates_and_then_updates() -> None:
    """The id stays, absent fields stay, null clears."""
    core = Core()
    created = send(core, command(engagement_score=82.5, total_time=1800.0))
    updated = send(core, command(engagement_score=91.0, completion_rate=None))

    assert (created["status"], updated["status"], updated["id"]) == ("created", "updated", created["id"])
    assert (updated["engagement_score"], updated["total_time"], updated["completion_rate"]) == (91.0, 1800.0, None)
    assert (core.score()["engagement_score"], core.score()["total_time_seconds"]) == (91.0, 1800.0)


def test_an_update_needs_a_record() -> None:
    """A refusal changes nothing."""
    core = Core()

    assert send(core, command("update", engagement_score=1.0)) == {"status": "telemetry-not-found"}
    assert (core.table, core.scores) == ({}, [])


def test_a_strict_directory_must_know_the_user() -> None:
    """The asset need not exist."""
    core = Core(policy=Policy(strict=True))
    assert send(core, command(engagement_score=1.0)) == {"status": "user-not-found"}

    core.refer("users", 7, {"id": 7})
    assert send(core, command(engagement_score=1.0))["status"] == "created"


def test_what_staff_set_holds_until_the_next_batch() -> None:
    """A streamed event leaves it alone, a batch replaces it."""
    core = Core()
    client = Client([True], MORNING)
    client.open(0)
    client.batch()
    for at, payload in client.posted:
        core.send(payload, at=at)
    computed = core.score()["engagement_score"]
    send(core, command("update", engagement_score=1.5), at=client.clock + 1000)
    client.attempt(0, "compile", 0)
    core.send(client.posted[-1][1], at=client.clock + 2000)
    assert core.score()["engagement_score"] == 1.5

    client.batch()
    core.send(client.posted[-1][1], at=client.clock + 3000)
    assert core.score()["engagement_score"] > computed


def test_a_document_of_staff_replaces_the_stored_one_and_tells_no_facts() -> None:
    """It is read back as it was set, without an overlay."""
    core = Core()
    send(core, command(telemetry={"event": "batch", "step": 3}))

    assert orjson.loads(core.telemetry[b"7:lists"][0] or b"") == {"event": "batch", "step": 3}
    assert core.facts == []
    assert core.score()["overlay"] is None


def test_the_slug_is_taken_literally() -> None:
    """A translation's slug is a record of its own."""
    core = Core()
    core.refer("assets", 5, {"id": 5, "slug": "lists", "translations": {"es": "listas"}})
    core.refer("assets", 6, {"id": 6, "slug": "listas", "lang": "es"})
    send(core, command(slug="listas", engagement_score=1.0))

    assert core.score()["asset_slug"] == "listas"


def test_a_deleted_webhook_is_gone_from_the_log() -> None:
    """The row that deletes it has its id and a higher version."""
    core = Core()
    refused = core.send({"slug": "x", "event": "nope"})
    result = send(core, {"command": "webhook.delete", "id": refused["id"]})

    assert result == {"status": "deleted", "id": refused["id"]}
    rows = live_rows(core.outcomes, ("id",))
    assert (refused["id"],) not in rows
    assert rows[refused["id"] + 1,]["source"] == "staff"


@pytest.mark.parametrize("payload", [{"command": "nope"}, {"command": "webhook.delete"}, {"user_id": "7"}])
def test_what_is_no_command_cannot_be_decoded(payload: dict[str, Any]) -> None:
    """It becomes a dead letter."""
    with pytest.raises(Undecodable, match="command"):
        send(Core(), payload)


@pytest.mark.parametrize("strict", [True, False])
def test_what_staff_did_stays_after_the_student_has_left(*, strict: bool) -> None:
    """Their fields and their reports follow what the gateway found, whatever the directory says later."""
    staff = {"principal": "9", "capabilities": (CHANGE,), "reports_in": (1,), "permitted": True}
    batch = {"telemetry_id": "t", "user_id": 7, "slug": "lists", "steps": [], "last_interaction_at": MORNING}
    rows = []
    for academies in ([1], [2], []):
        core = Core(policy=Policy(strict=strict))
        core.refer("users", 7, {"id": 7, "academies": academies})
        core.refer("assets", 5, {"id": 5, "slug": "lists"})
        core.refer("tasks", 6, {"id": 6, "user_id": 7, "associated_slug": "lists"})
        assert core.send(batch, **staff)["status"] == "DONE"
        send(core, {**command(engagement_score=82.5), "academy": 1}, permitted=True)
        rows.append((core.scores, core.facts, core.telemetry))

    assert rows[0] == rows[1] == rows[2]
    assert rows[0][0][-1]["engagement_score"] == 82.5


def test_what_the_gateway_refused_stays_refused() -> None:
    """A report for a student who has come since; a record without its decision is judged by today's directory."""
    core = Core()
    core.refer("users", 7, {"id": 7, "academies": [1]})
    staff = {"principal": "9", "capabilities": (CHANGE,), "reports_in": (1,)}
    event = {"user_id": 7, "slug": "00", "event": "open_step", "telemetry_id": "t"}

    assert core.verdict(event, **staff, permitted=False) == ("ERROR", "Token of user 9 cannot report for user 7")
    assert core.verdict(event, **staff) == ("DONE", "OK")
    core.refer("users", 7, {"id": 7, "academies": [2]})
    assert core.verdict({**event, "slug": "01"}, **staff)[0] == "ERROR"
    assert send(core, {**command(engagement_score=1.0), "academy": 1}) == {"status": "user-not-found"}
