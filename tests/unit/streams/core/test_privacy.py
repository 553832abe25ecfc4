"""What is told of a student are fields with types and vocabularies: no text reaches facts, scores or the log."""

from __future__ import annotations

from itertools import chain

import orjson
import pytest

from streams.core.policy import Policy
from tests.support.core import MORNING, Core
from tests.support.secrets import MARK, secret_document, secret_event, secret_notebook, secret_staff


def told(core: Core) -> str:
    """Everything that leaves the core, but the stored documents."""
    rows = [core.facts, core.outcomes, core.scores, core.completions, [row for _, row in core.telemetry.values()]]
    state = b"".join(key + value for key, value in core.table.items())
    return "\n".join([*(orjson.dumps(row).decode() for row in chain(*rows)), state.decode("latin-1")])


@pytest.mark.parametrize("policy", [Policy(), Policy(strict=True), Policy(redact=frozenset({"fullname", "email"}))])
def test_no_secret_of_a_webhook_is_told(policy: Policy) -> None:
    """Whatever place it stands in, of a batch with or without steps, an event, a notebook or a command of staff."""
    core = Core(policy=policy)
    core.refer("users", 7, {"id": 7, "academies": [1]})
    core.refer("assets", 5, {"id": 5, "slug": "lists", "graded": True})
    core.refer("tasks", 70, {"id": 70, "user_id": 7, "associated_slug": "lists"})
    core.send(secret_document())
    core.send({name: value for name, value in secret_document().items() if name != "steps"}, at=MORNING + 100_000_000)
    for name in ("open_step", "compile", "test", "ai_interaction", "quiz_submission", f"{MARK} x@y"):
        core.send(secret_event(name))
    for name in ("start", "cell", "test", f"{MARK} x@y"):
        core.send(secret_notebook(name), source="posthog")
    core.send(secret_staff(), source="staff")
    names = dict.fromkeys(("slug", "package_slug", "telemetry_id"), f"{MARK} x@y")
    core.send({**secret_document(), **names})
    core.send({**secret_document(), "user_id": f"{MARK}@example.com"})
    core.send({**secret_document(), "user_id": f"{MARK}@example.com"}, principal="7")
    core.send({**secret_document(), **names, "user_id": None})
    core.send({"event": "package_published", "slug": "lists", "package_id": f"{MARK} x@y"})

    assert len(core.facts) > 8
    assert [line for line in told(core).splitlines() if MARK in line] == []


def test_the_keys_of_a_batch_without_steps_are_known_ones() -> None:
    """They lie over the document that is read back, with values of their kind."""
    core = Core()
    core.send(secret_document())
    root = {"telemetry_id": "t1", "user_id": 7, "slug": "lists", "agent": "vscode", "version": "5.0.12", "cohort_id": 3}
    figures = {
        "global_metrics": {
            "completion_rate": 12.5,
            "note": "x",
            "ada_lovelace": 1,
            "steps": [{"slug": "00", "time_spent": 3, "ada": 1}],
        }
    }
    sessions = {"workout_session": [{"started_at": MORNING, "note": "x"}, "x"]}
    core.send({**root, **figures, **sessions, "fullname": "Ada", "email": "ada@example.com", "other": [1]})

    assert core.score()["overlay"]["root"] == {
        **root,
        "global_metrics": {"completion_rate": 12.5, "steps": [{"slug": "00", "time_spent": 3}]},
        "workout_session": [{"started_at": MORNING}],
    }


def test_what_is_redacted_is_in_no_document_overlay_or_fact() -> None:
    """TELEMETRY_REDACT holds for all of them, and for what staff set."""
    keys = ("agent", "errorType", "signal", "exit_code")
    core = Core(policy=Policy(redact=frozenset(keys)))
    core.send(secret_document() | {"agent": "vscode"})
    core.send({"telemetry_id": "t1", "user_id": 7, "slug": "lists", "agent": "cloud", "last_interaction_at": MORNING})
    item = {"started_at": MORNING + 90_000_000, "exit_code": 1, "errorType": "run-time", "signal": "SIGTERM"}
    core.send({"telemetry_id": "t1", "user_id": 7, "slug": "00", "step_position": 0, "event": "test", "data": item})
    assert core.score()["overlay"]["steps"][0]["tests"]
    assert not any(f'"{key}"' in orjson.dumps(core.score()["overlay"]).decode() for key in keys)
    command = {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "lists"}
    fields = {"telemetry": {"agent": "x", "steps": []}, "metrics": {"agent": 3, "global": {"signal": 1, "steps": 2}}}
    result = core.send({**command, "fields": fields}, source="staff")["result"]
    assert result["metrics"] == core.score()["metrics"] == {"global": {"steps": 2}}

    assert {fact["error_type"] for fact in core.facts} == {""}
    assert not any("agent" in fact["properties"] or "signal" in fact["properties"] for fact in core.facts)
    assert orjson.loads(core.telemetry[b"7:lists"][0] or b"") == {"steps": []}


def test_the_metrics_that_staff_set_are_figures() -> None:
    """Numbers under names, and the slugs and statuses of steps; any other text is left out."""
    core = Core()
    steps = [{"slug": "00", "metrics": {"status": "completed", "time_spent": 3.5, "remark": "x"}}]
    sent = {"global": {"metrics": {"completion_rate": 67.5, "note": "well done"}}, "steps": steps, "a b": 1}
    result = core.send(
        {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "lists", "fields": {"metrics": sent}},
        source="staff",
    )["result"]
    kept = {
        "global": {"metrics": {"completion_rate": 67.5}},
        "steps": [{"slug": "00", "metrics": {"status": "completed", "time_spent": 3.5}}],
    }

    assert result["metrics"] == core.score()["metrics"] == kept


def test_a_few_words_are_no_hash_signal_or_slug_of_an_object() -> None:
    """What is short enough for a name is told only where a name may stand."""
    core = Core()
    attempt = {"started_at": MORNING, "exit_code": 1, "signal": f"SIG{MARK.upper()}"}
    quiz = {"started_at": MORNING, "status": "SUCCESS", "quiz_hash": f"{MARK} of mine"}
    step = {"slug": "00", "position": 0, "opened_at": MORNING, "tests": [attempt], "quiz_submissions": [quiz]}
    sent = {"telemetry_id": "t1", "slug": {"fullname": MARK}, "steps": [step], "workout_session": []}
    core.send({**sent, "tutorial_started_at": MORNING, "last_interaction_at": MORNING})
    core.send({**sent, "event": {"fullname": MARK}})

    assert len(core.facts) > 2
    assert [line for line in told(core).casefold().splitlines() if MARK in line] == []
