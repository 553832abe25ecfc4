"""Of whom it is told that they are stuck: once as long as it goes on."""

from __future__ import annotations

from typing import Any, Final

from schemas.wire.forwarding import Episode
from sinks.forward.stuck import KEPT_MS, Place, in_doubt, newly_stuck, remembered

MINUTE: Final = 60_000
PLACE: Final = ("7", "loops", "01-for")


def episode(since: int, last: int, **fields: Any) -> Episode:
    """A student who fails from minute `since` to minute `last`."""
    error = {"event": "compile", "kind": "TypeError", "exit_code": 1}
    usual: dict[str, Any] = {"user_id": 7, "actor": "7", "asset_slug": "loops", "step_slug": "01-for"}
    usual |= {"step_position": 1, "failures": 3, "questions": 0, "last_error": error, "told_at": last * MINUTE}
    return Episode(**{**usual, "stuck_since": since * MINUTE, "last_failure": last * MINUTE, **fields})


TOLD: Final[dict[Place, Episode]] = {PLACE: episode(0, 10)}


def tries(*minutes: int, well: bool = False) -> dict[Place, list[tuple[int, bool]]]:
    """What was tried since: failures, the last of them well where that is said."""
    return {PLACE: [(minute * MINUTE, well and minute == minutes[-1]) for minute in minutes]}


def test_who_was_not_told_of_is_new() -> None:
    """A student, a tutorial or a step more."""
    others = [episode(0, 10, **{name: "other"}) for name in ("actor", "asset_slug", "step_slug")]

    assert newly_stuck(others, TOLD, {}) == others
    assert in_doubt(others, TOLD) == {}


def test_more_failures_of_the_same_are_not_new() -> None:
    """Also when the first of them count no more, since some that were known still do."""
    assert newly_stuck([episode(0, 60), episode(10, 125)], TOLD, {}) == []


def test_it_goes_on_though_nothing_of_what_was_known_counts() -> None:
    """As long as there was no success, and no rest of two hours, in between."""
    now = episode(100, 200)
    assert in_doubt([now], TOLD) == {PLACE: 10 * MINUTE}

    assert newly_stuck([now], TOLD, tries(50, 100, 150, 200)) == []
    assert newly_stuck([now], TOLD, tries(50, 90, well=True)) == [now]
    assert newly_stuck([now], TOLD, tries(131, 150, 200)) == [now]


def test_an_old_episode_that_is_written_once_more_tells_of_nothing_newer() -> None:
    """As a dead letter that is sent again is."""
    old, new = episode(0, 10), episode(200, 210)

    assert remembered({}, [old, new, old], 0) == {PLACE: new}
    assert remembered({PLACE: new}, [old], 0) == {PLACE: new}
    assert remembered({PLACE: old}, [new], 0) == {PLACE: new}


def test_what_is_long_ago_is_forgotten() -> None:
    """By the clock that has stamped it."""
    one = episode(0, 10)

    assert remembered({PLACE: one}, [], one.told_at + KEPT_MS) == {PLACE: one}
    assert remembered({PLACE: one}, [], one.told_at + KEPT_MS + 1) == {}
