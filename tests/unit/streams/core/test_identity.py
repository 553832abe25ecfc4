"""As whom a student is kept who is no number."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.wire.pseudonyms import Pseudonyms
from streams.core.policy import Policy
from tests.support.core import Core
from tests.support.payloads import document, step

POLICY = Policy(pseudonyms=Pseudonyms(b"key"))
HIDDEN = Policy(pseudonyms=Pseudonyms(b"key"), hide_notebook_names=True)


def batch(user: Any, **changes: Any) -> dict[str, Any]:
    """A batch of a user."""
    return {**document(step("00", 1), slug="lists"), "user_id": user, **changes}


def captured(student: str) -> dict[str, Any]:
    """A notebook's event."""
    return {"event": "start", "distinct_id": student, "properties": {"nb": "n1"}}


@pytest.mark.parametrize("user", ["ada@example.com", "Ada Lovelace", "6d4a0c9e-0b0f-4b67", "José"])
def test_a_user_id_that_is_no_number_is_a_pseudonym(user: str) -> None:
    """Everywhere: in rows, in keys and in the state; the same one for all webhooks of the student."""
    core = Core(policy=POLICY)
    core.send(batch(user))
    core.send(batch(f" {user} ", telemetry_id="t-2"))
    pseudonym = POLICY.pseudonyms.of(user)

    assert {fact["actor"] for fact in core.facts} == {row["actor"] for row in core.scores} == {pseudonym}
    assert set(core.telemetry) == {f"{pseudonym}:lists".encode()}
    assert not any(user.encode() in key + value for key, value in core.table.items())


def test_a_pseudonym_is_its_keys() -> None:
    """With another key the same name is another pseudonym, and two names never share one."""
    one, other = Pseudonyms(b"key"), Pseudonyms(b"other")

    assert len({one.of("ada"), other.of("ada"), one.of("bob"), one.of(" ada")}) == 4
    assert one.of("ada") == Pseudonyms(b"key").of("ada")


@pytest.mark.parametrize(
    "nobody", ["undefined", "null", "NaN", "None", "", " ", "[object Object]", "true", True, False, {}, []]
)
def test_a_word_for_nobody_is_no_student(nobody: Any) -> None:
    """Many students' programs write it: what they do is kept by their runs, not as one student's."""
    core = Core(policy=POLICY)
    for run in ("r1", "r2"):
        core.send(batch(nobody, telemetry_id=run))

    assert {fact["actor"] for fact in core.facts} == {"telemetry:r1", "telemetry:r2"}


@pytest.mark.parametrize("name", ["JOHN-DOE", "JOSÉ-NÚÑEZ", "李", "ada@example.com"])
def test_a_notebooks_name_stays_unless_it_is_to_be_hidden(name: str) -> None:
    """Under its pseudonym the directory links it to its user all the same."""
    for policy, actor in ((POLICY, name), (HIDDEN, HIDDEN.pseudonyms.of(name))):
        core = Core(policy=policy)
        core.refer("users", 7, {"id": 7, "notebook_names": [name]})
        core.send(captured(name), source="posthog")

        assert [(row["actor"], row["user_id"]) for row in core.facts] == [(actor, 7)]
        assert [(row["actor"], row["user_id"]) for row in core.scores] == [(actor, 7)]


@pytest.mark.parametrize(
    "name", ["pseudonym:Maria Lopez", POLICY.pseudonyms.of("ada@example.com"), "pseudonym:", "telemetry:r1"]
)
def test_no_notebook_writes_as_who_is_made_here(name: str) -> None:
    """A name that begins like a pseudonym, or like a run, is kept under one of its own, and its user found by it."""
    core = Core(policy=POLICY)
    core.refer("users", 7, {"id": 7, "notebook_names": [name]})
    core.send(batch("ada@example.com", telemetry_id="r1"))
    others = {fact["actor"] for fact in core.facts}
    core.facts.clear()
    core.send(captured(name), source="posthog")

    assert {(row["actor"], row["user_id"]) for row in core.facts} == {(POLICY.pseudonyms.of(name), 7)}
    assert POLICY.pseudonyms.of(name) not in others


def test_a_notebooks_student_who_is_a_number_stays_one() -> None:
    """It is the user's id."""
    core = Core(policy=HIDDEN)
    core.send(captured("7"), source="posthog")

    assert [(row["actor"], row["user_id"]) for row in core.facts] == [("7", 7)]


def test_a_token_that_reports_for_a_name_does_not_tell_it() -> None:
    """The refusal is in the log of webhooks, which shows no address."""
    status, text = Core(policy=POLICY).verdict(batch("ada@example.com"), principal="8")

    assert status == "ERROR"
    assert "ada" not in text
