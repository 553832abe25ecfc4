"""A student's work as a picture."""

from __future__ import annotations

from typing import Any

from gateway.console.timeline import kind_of, timeline


def thing(clock: str, event: str = "compile", step: str = "01", place: int | None = 1, **more: Any) -> dict[str, Any]:
    """Something that was done."""
    return {
        "occurred_at": f"2026-04-15T{clock}.000Z",
        "event": event,
        "step_slug": step,
        "step_position": place,
        "succeeded": None,
        **more,
    }


def test_nothing_has_no_picture() -> None:
    """Nor has it an axis."""
    assert timeline([]) is None


def test_time_goes_to_the_right_and_pauses_are_folded() -> None:
    """What was done a day later stands a little further, with the pause between them."""
    picture = timeline([thing("10:00:00"), thing("10:01:00"), thing("10:03:00"), thing("23:00:00")])
    assert picture is not None
    first, second, third, last = (mark.x for mark in picture.marks)

    assert first < second < third < last < picture.width
    assert round((third - second) / (second - first), 1) == 2
    assert [fold.seconds for fold in picture.folds] == [46_620]
    assert third < picture.folds[0].x < last
    assert [at for _, at in picture.starts] == ["2026-04-15T10:00:00.000Z", "2026-04-15T23:00:00.000Z"]


def test_steps_are_lanes_in_their_order() -> None:
    """What is of no step above all, what has no place below."""
    picture = timeline(
        [
            thing("10:00:00", step="b", place=2),
            thing("10:00:01", step="a", place=10),
            thing("10:00:02", "start_session", step="", place=None),
            thing("10:00:03", step="c", place=None),
        ]
    )
    assert picture is not None

    assert [lane.step for lane in picture.lanes] == ["", "b", "a", "c"]
    assert [lane.y for lane in picture.lanes] == sorted(lane.y for lane in picture.lanes)
    assert {mark.thing["step_slug"]: mark.y for mark in picture.marks} == {lane.step: lane.y for lane in picture.lanes}


def test_many_pauses_make_it_wider_and_one_moment_does_no_harm() -> None:
    """Every run has its room, and what happened at once stands at one place."""
    wide = timeline([thing(f"{hour:02}:00:00") for hour in range(24)])
    once = timeline([thing("10:00:00"), thing("10:00:00")])
    assert wide is not None
    assert once is not None

    assert wide.width > 1_500
    assert all(0 <= mark.x <= wide.width for mark in wide.marks)
    assert len({mark.x for mark in once.marks}) == 1


def test_kinds_of_marks() -> None:
    """Tries by how they went; what nobody knows is something."""
    assert kind_of(thing("10:00:00", "test", succeeded=True)) == "test-ok"
    assert kind_of(thing("10:00:00", "quiz_submission", succeeded=False)) == "quiz-bad"
    assert kind_of(thing("10:00:00", "compile")) == "compile-open"
    assert kind_of(thing("10:00:00", "ai_interaction")) == "ai_interaction"
    assert kind_of(thing("10:00:00", "cell_executed")) == "other"
