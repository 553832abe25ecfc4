"""What is kept of a student has bounds, whatever a client sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from streams.core import bounds, store
from tests.support.payloads import attempt, batch, compiled, document, step

if TYPE_CHECKING:
    from tests.support.core import Core

_SMALL = 20


def test_a_document_of_too_many_items_is_refused_whole(core: Core) -> None:
    """Nothing of it is told or kept, and the student's next webhooks are taken as ever."""
    status, text = core.verdict(batch(*range(165_000)))

    assert (status, text) == ("ERROR", "There are more items than can be kept: 165000, and at most 5000 are")
    assert not core.facts
    assert not core.table
    assert core.verdict(compiled(1)) == ("DONE", "OK")
    assert max(map(len, core.table.values())) < 1_000


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([step(str(place), 0) for place in range(bounds.STEPS + 1)], "steps"),
        ([step("01", tests=[{}] * 3_000), step("02", compilations=[{}] * 3_000)], "items"),
        ([step("01", ai_interactions=[{}] * 3_000, quiz_submissions=[{}] * 3_000)], "items"),
        ([step("01", testeable_elements=[{"type": "quiz", "hash": str(place)} for place in range(5_001)])], "items"),
        ([step("ñ" * 65, 0)], "a step's slug"),
    ],
)
def test_a_document_beyond_a_bound_is_an_error(core: Core, steps: list[dict[str, Any]], what: str) -> None:
    """The text names what there is too much of."""
    status, text = core.verdict(document(*steps, user_id=7))

    assert status == "ERROR"
    assert what in text
    assert not core.table


def test_a_document_at_the_bounds_is_stored(core: Core) -> None:
    """The bounds are far above what students do, and hold to the last item."""
    steps = [step(f"{place:0128}", place, compilations=[attempt(place, 1)] * 10) for place in range(bounds.STEPS)]

    assert core.verdict(document(*steps, user_id=7)) == ("DONE", "OK")


@pytest.mark.parametrize("name", ["user_id", "slug", "package_slug", "telemetry_id"])
@pytest.mark.parametrize("payload", [batch(1), compiled(1)], ids=["batch", "event"])
def test_names_too_long_to_be_kept_are_an_error(core: Core, name: str, payload: dict[str, Any]) -> None:
    """They would be in every key and every fact."""
    status, text = core.verdict({**payload, name: "é" * 128})

    assert (status, text) == ("ERROR", f"The text of {name} is too long: at most 255 bytes are kept")
    assert not core.table


@pytest.mark.parametrize("slug", ["s" * 129, ["s"] * 100])
def test_a_streamed_item_of_a_step_with_too_long_a_name_is_an_error(core: Core, slug: Any) -> None:
    """As in a document."""
    assert core.verdict({**compiled(1), "slug": slug})[0] == "ERROR"
    assert not core.table


def test_a_user_that_is_no_text_is_bounded_too(core: Core) -> None:
    """Any JSON value may stand where the user id does."""
    assert core.verdict({**batch(1), "user_id": ["x" * 300]})[0] == "DONE"
    assert all(len(key) < 100 for key in core.table)


def test_outcomes_hold_no_more_of_a_clients_texts_than_is_read(core: Core) -> None:
    """An event or a slug of megabytes is cut in the log, so that it fits into a message."""
    row = core.send({"event": "e" * 5_000_000, "slug": "s" * 5_000_000, "user_id": 7})

    assert row["status"] == "ERROR"
    assert len(orjson.dumps(row)) < 4_000


def test_streamed_items_that_no_document_holds_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one too many is refused with a text, nothing else is lost, and the next batch makes room."""
    monkeypatch.setattr(bounds, "STREAMED", _SMALL)
    for start in range(_SMALL):
        assert core.verdict(compiled(start)) == ("DONE", "OK")

    status, text = core.verdict(compiled(99))

    assert (status, text) == (
        "ERROR",
        "There are more streamed items since the last batch than can be kept: 21, and at most 20 are",
    )
    assert core.events().count(("compile", "01")) == _SMALL
    core.send(batch(*range(_SMALL)))
    assert core.verdict(compiled(99)) == ("DONE", "OK")
    assert core.score()["metrics"]["global"]["metrics"]["total_interactions"] == _SMALL + 1


def test_steps_that_only_streamed_items_name_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event may name any step, and each becomes one of the tutorial's."""
    monkeypatch.setattr(bounds, "STEPS", _SMALL)
    for place in range(_SMALL):
        core.send(compiled(place, step_slug=str(place)))

    assert core.verdict(compiled(99, step_slug="new"))[1].startswith("There are more steps than can be kept: 21")
    assert core.verdict(compiled(99, step_slug="0")) == ("DONE", "OK")


def test_names_that_a_tutorial_had_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of a step of which something was told is remembered, whatever document is stored."""
    monkeypatch.setattr(bounds, "NAMES", _SMALL)
    for run in range(_SMALL):
        core.send(document(step(f"step {run}", 0), last=run, user_id=7))

    assert core.verdict(document(step("one more", 0), last=99, user_id=7))[1].startswith(
        "There are more names of steps"
    )
    assert core.verdict(document(step("step 3", 0), last=99, user_id=7)) == ("DONE", "OK")
    assert core.verdict(compiled(100, step_slug="another"))[1].startswith("There are more names of steps")


def test_what_batches_without_steps_lay_over_a_document_is_bounded(core: Core) -> None:
    """Each may bring other figures, and all of them lie over the document."""
    core.send(batch(1))
    other = {"user_id": 7, "slug": "tutorial", "telemetry_id": "t-1"}
    figures = {"steps": list(range(bounds.ROOT // 2))}
    assert core.verdict({**other, "global_metrics": {"total_steps": 1}}) == ("DONE", "OK")

    assert core.verdict({**other, "global_indicators": figures})[1].startswith("There are more bytes beside the steps")
    assert core.score()["overlay"]["root"]["global_metrics"] == {"total_steps": 1}


def test_tutorials_of_one_student_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an open directory every slug is a tutorial; those that are there go on, and other students are not touched."""
    monkeypatch.setattr(store, "TUTORIALS", 3)
    for place in range(3):
        core.send(batch(1, slug=f"tutorial {place}"))
    notebook = {"event": "cell", "distinct_id": "7", "properties": {"nb": "n"}}

    assert core.verdict(batch(1, slug="another"))[1].startswith("There are more tutorials of this student")
    assert core.verdict(compiled(1, package_slug="another"))[1].startswith("There are more tutorials of this student")
    assert core.verdict(notebook, source="posthog")[0] == "ERROR"
    assert core.verdict(batch(1, 2, slug="tutorial 0")) == ("DONE", "OK")
    assert core.verdict({**batch(1, slug="another"), "user_id": 8}) == ("DONE", "OK")


def test_runs_of_one_student_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each telemetry id is remembered with its tutorial, or with the items that wait for one."""
    monkeypatch.setattr(store, "RUNS", 3)
    core.send(batch(1))
    for run in range(2):
        core.send({"event": "compile", "user_id": 7, "telemetry_id": f"r{run}", "slug": "01", "data": {}})
    waiting = {"event": "compile", "user_id": 7, "telemetry_id": "new", "slug": "01", "data": {}}

    assert core.verdict(batch(1, telemetry_id="new"))[1].startswith("There are more telemetry ids of this student")
    assert core.verdict(waiting)[1].startswith("There are more telemetry ids of this student")
    assert core.verdict(batch(1, 2)) == ("DONE", "OK")
    core.send({"command": "student.forget", "user_id": "7", "asset_slugs": [], "telemetry_ids": []}, source="staff")
    assert core.verdict(batch(1, telemetry_id="new")) == ("DONE", "OK")


def test_events_of_one_request_are_bounded(core: Core) -> None:
    """Each would be a fact, and all of them one transaction."""
    event = {"event": "cell", "distinct_id": "7", "properties": {"nb": "n"}}

    status, text = core.verdict({"batch": [event] * 10_001}, source="posthog")

    assert (status, text) == (
        "ERROR",
        "There are more events in a request than can be kept: 10001, and at most 10000 are",
    )
    assert not core.facts
