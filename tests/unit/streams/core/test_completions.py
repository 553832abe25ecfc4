"""Completions leave the system once, whichever generation finds them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.core.completions import Told, Untold, _Glance, untold
from streams.core.policy import Policy
from streams.core.state import State
from streams.core.store import is_told, pair_of, state_key, told_key
from tests.support.core import MORNING, Core

SLUGS = ["lists", "a:b", "naïve", "\ud800"]


def a_core(**directory: Any) -> Core:
    """A strict directory with user 7, the asset `lists`, graded unless said otherwise, and a task."""
    core = Core(policy=Policy(strict=True))
    core.refer("users", 7, {"id": 7, "academies": [1]})
    core.refer("assets", 5, {"id": 5, "slug": "lists", "lang": "us", "graded": True, **directory})
    core.refer("tasks", 70, {"id": 70, "user_id": 7, "associated_slug": "lists"})
    return core


def document(*, done: bool, last: int = 60_000) -> dict[str, Any]:
    """A document of one step, completed or not."""
    step = {"slug": "01", "position": 0, "opened_at": MORNING, **({"completed_at": MORNING + 1000} if done else {})}
    named = {"telemetry_id": "t1", "user_id": 7, "slug": "lists", "tutorial_started_at": MORNING}
    return {**named, "last_interaction_at": MORNING + last, "steps": [step], "workout_session": []}


def opened(at: int) -> dict[str, Any]:
    """A streamed event that completes nothing."""
    named = {"telemetry_id": "t1", "user_id": 7, "slug": "01", "package_slug": "lists", "step_position": 0}
    return {**named, "event": "compile", "data": {"starting_at": MORNING + at, "exit_code": 0}}


def told(core: Core) -> Told:
    """What its table says of completions."""
    return Told().take(core.table.items())


def take_over(live: Core, target: Core) -> Untold:
    """Let the target take the live one's place."""
    found = untold(told(live), told(target))
    target.table.update(found.cells)
    target.completions.clear()
    return found


def test_the_beginning_of_a_state_is_read() -> None:
    """What is glanced at are the first fields of a state, by their names and in their order."""
    assert State.__struct_fields__[: len(_Glance.__struct_fields__)] == _Glance.__struct_fields__


@pytest.mark.parametrize("actor", ["7", "telemetry:a", "José", "7:lists", ""])
@pytest.mark.parametrize("slug", SLUGS)
def test_keys_tell_whose_they_are(actor: str, slug: str) -> None:
    """The key of a state gives its actor and tutorial back, and none is taken for what was told."""
    assert pair_of(state_key(actor, slug)) == (actor, slug)
    assert is_told(told_key(actor))
    assert not is_told(state_key(actor, slug))


def test_what_follows_only_now_is_told_once() -> None:
    """A completion that the new generation alone has is told with its tasks; a second time there is nothing to tell."""
    live, target = a_core(graded=False), a_core()
    for core in (live, target):
        core.send(document(done=True))
    assert not live.completions
    expected = target.completions[:]

    found = take_over(live, target)

    assert [key for key, _ in found.completions] == [b"7:lists"]
    assert [orjson.loads(value) for _, value in found.completions] == expected
    assert not untold(told(live), told(target))
    target.send(document(done=True, last=70_000))
    assert not target.completions


def test_what_was_told_is_not_told_again() -> None:
    """Both know it: nothing is written and nothing told, at once or by the next batch."""
    live, target = a_core(), a_core()
    for core in (live, target):
        core.send(document(done=True))

    assert not take_over(live, target)

    target.send(document(done=True, last=70_000))
    assert not target.completions


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_what_the_new_one_does_not_know_stays_told(rounds: int) -> None:
    """Told, then computed anew without it, however often: when it is true again it is not told again."""
    live = a_core()
    live.send(document(done=True))
    for _ in range(rounds):
        target = a_core()
        target.send(document(done=False))
        assert not take_over(live, target).completions
        live = target

    live.send(document(done=True, last=70_000))

    assert not live.completions
    live.refer("tasks", 71, {"id": 71, "user_id": 7, "associated_slug": "lists"})
    live.send(document(done=True, last=80_000))
    assert [one["tasks"] for one in live.completions] == [[70, 71]]


def test_a_task_that_only_the_new_one_has_met_is_told() -> None:
    """The tutorial was told with one task; the directory has two by the time it is computed anew."""
    live, target = a_core(), a_core()
    live.send(document(done=True))
    target.refer("tasks", 71, {"id": 71, "user_id": 7, "associated_slug": "lists"})
    target.send(document(done=True))

    found = take_over(live, target)

    assert len(found.completions) == 1
    assert b'"tasks":[70,71]' in found.completions[0][1]
    target.send(document(done=True, last=70_000))
    assert not target.completions


def test_there_and_back_and_there_again_tells_nothing() -> None:
    """A rollback and another swap know what each other has told, also in between."""
    first, second = a_core(graded=False), a_core()
    for core in (first, second):
        core.send(document(done=True))
    assert len(take_over(first, second).completions) == 1

    first.refer("assets", 5, {"id": 5, "slug": "lists", "lang": "us", "graded": True})
    for core in (first, second):
        core.send(document(done=True, last=70_000))
    assert not take_over(second, first).completions
    for core in (first, second):
        core.send(document(done=True, last=80_000))
    assert not take_over(first, second).completions
    assert not first.completions


def test_who_is_forgotten_leaves_no_memory_of_what_was_told() -> None:
    """The command drops what was told beside the states as well."""
    live, target = a_core(), a_core()
    live.send(document(done=True))
    target.send(document(done=False))
    take_over(live, target)
    assert any(map(is_told, target.table))

    command = {"command": "student.forget", "user_id": "7", "asset_slugs": ["lists"], "telemetry_ids": ["t1"]}
    target.send(command, source="staff")

    assert not target.table
    assert not told(target).finished
    assert not Told(remembered={told_key("7"): {"lists": []}}).take([(told_key("7"), None)]).remembered


def test_a_tutorial_that_is_graded_later_is_told_with_what_comes_next() -> None:
    """A streamed event that completes nothing tells what the directory makes true, once."""
    core = a_core(graded=False)
    core.send(document(done=True))
    assert not core.completions

    core.refer("assets", 5, {"id": 5, "slug": "lists", "lang": "us", "graded": True})
    core.send(opened(70_000))
    assert core.completions
    core.send(opened(80_000))
    core.send(document(done=True, last=90_000))

    assert [one["tasks"] for one in core.completions] == [[70]]


def test_a_new_task_is_told_with_the_next_event() -> None:
    """A task that is assigned after the end is told as soon as the student does anything."""
    core = a_core()
    core.send(document(done=True))
    core.refer("tasks", 71, {"id": 71, "user_id": 7, "associated_slug": "lists"})

    core.send(opened(70_000))
    core.send(opened(80_000))

    assert [one["tasks"] for one in core.completions] == [[70], [70, 71]]


def test_a_run_before_log_in_is_told_when_the_student_claims_it() -> None:
    """The student's first batch of the run has all of it, and tells the completion once."""
    core = a_core()
    core.send({key: value for key, value in document(done=True).items() if key != "user_id"})

    core.send(document(done=True, last=70_000))
    core.send(document(done=True, last=80_000))

    assert [one["user_id"] for one in core.completions] == [7]
