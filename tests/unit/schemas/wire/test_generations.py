"""The journal of generations: what may follow what, and who may work in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.wire.generations import Journal, JournalError, NewerJournalError, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

BEGAN = "2026-11-21T12:00:00+00:00"
STOPPED = {0: 12, 1: 7}


def catching_up() -> Journal:
    """A replay to generation 2 that has begun."""
    return Journal().begun("as-recorded", "1.1", BEGAN)


def swapped() -> Journal:
    """Generation 2 is live, 1 is kept."""
    return catching_up().paused().swapping(STOPPED).swapped()


def test_without_a_record_generation_1_is_live() -> None:
    """A system that never replayed anything works on generation 1."""
    journal = Journal()

    assert (journal.live, journal.step) == (1, Phase.IDLE)
    assert journal.serves(1)
    assert not journal.computes(1)


def test_as_json_is_what_the_record_says() -> None:
    """Also after a swap, and with students recomputed: of both, offsets are remembered by partition."""
    journal = swapped().patching({0: 5})

    plain = orjson.loads(orjson.dumps(journal.as_json()))

    assert plain == orjson.loads(journal.encode())
    assert (plain["live"], plain["step"], plain["stopped"]) == (2, "patching", {"0": 12, "1": 7})
    assert plain["generations"][1]["patched"] == {"0": 5}


UNREADABLE = [
    None,
    b"",
    b"\xff",
    b"[]",
    b"{}",
    b'{"live": "two"}',
    b'{"live":1,"last":1,"step":"elsewhere","generations":[{"number":1}]}',
    b'{"live":7,"last":7,"step":"idle","generations":[{"number":1}]}',
    b'{"live":1,"last":1,"step":"idle","generations":[{"number":1},{"number":2}]}',
    b'{"live":0,"last":1,"step":"idle","generations":[{"number":0}]}',
]


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_journal_that_cannot_be_read_leaves_the_last_good_one(value: bytes | None) -> None:
    """Whatever somebody writes in its place, what was read before stays, and a reason is told in one line."""
    reasons = list[str]()

    assert Journal.latest([swapped().encode(), value], None, reasons.append) == swapped()
    assert Journal.latest([value], swapped(), reasons.append) == swapped()
    assert Journal.latest([value], None, reasons.append) is None
    assert Journal.latest([value, catching_up().encode()], swapped(), reasons.append) == catching_up()
    assert len(reasons) == 4
    assert all("cannot be read" in reason and "\n" not in reason for reason in reasons)


@pytest.mark.parametrize(
    ("journal", "live_works", "target_works"),
    [
        (Journal(), True, False),
        (catching_up(), True, True),
        (catching_up().paused(), False, True),
        (catching_up().paused().undone(), True, True),
        (catching_up().paused().swapping(STOPPED), False, False),
        (catching_up().dropping(), True, False),
        (Journal().patching({0: 3}), False, False),
        (Journal().patching({0: 3}).unpaused(), True, False),
    ],
)
def test_who_may_work(journal: Journal, live_works: bool, target_works: bool) -> None:  # noqa: FBT001
    """While paused only the target moves, while views are replaced nobody does."""
    assert (journal.serves(1), journal.computes(2)) == (live_works, target_works)
    assert not journal.serves(2)


def test_while_a_part_is_replaced_only_sinks_go_on() -> None:
    """Sinks store what the live generation has said, its workers say nothing more; the parts' outcomes are noted."""
    journal = Journal().patching({0: 30, 1: 4})

    assert journal.stores(1)
    assert not journal.serves(1)
    again = journal.unpaused().patching({0: 50, 1: 6}).unpaused()
    assert again.generation(1).patched == {0: 30, 1: 4}
    assert again.step is Phase.IDLE
    assert not catching_up().paused().stores(1)


def test_after_a_swap_the_target_is_live_and_the_other_is_kept() -> None:
    """The new generation is served with its algorithm, and the old one can come back."""
    journal = swapped()

    assert (journal.live, journal.previous, journal.target, journal.step) == (2, 1, None, Phase.IDLE)
    assert journal.serves(2)
    assert not journal.serves(1)
    assert journal.generation(2).algorithm == "1.1"
    assert journal.stopped == STOPPED
    assert journal.surplus == ()


def test_a_rollback_goes_back_and_forth() -> None:
    """A rollback is the same change with the generation that is kept, and can be taken back the same way."""
    back = swapped().returning().paused().swapping(STOPPED).swapped()

    assert (back.live, back.previous) == (1, 2)
    assert back.returning().target == 2


def test_the_third_replay_leaves_the_first_generation_to_be_cleaned() -> None:
    """Live and previous are kept, older ones are surplus until they are gone."""
    third = swapped().begun("current", None, BEGAN).paused().swapping(STOPPED).swapped()

    assert (third.live, third.previous, third.surplus) == (3, 2, (1,))
    assert third.without(1).surplus == ()


def test_what_settings_name_beside_the_live_one_is_nobody_elses() -> None:
    """One that is computed from a copy is kept, its number is given to no replay, and the live one stays as it is."""
    journal = Journal().remembering(1, "webhooks.raw").remembering(2, "webhooks.raw.2")

    assert (journal.live, journal.last, journal.surplus) == (1, 2, ())
    assert (journal.number_for("webhooks.raw"), journal.number_for("webhooks.raw.2")) == (1, 2)
    assert journal.number_for("other") == 3
    assert journal.begun("current", None, BEGAN).target == 3
    assert journal.serves(1)
    assert not journal.serves(2)
    assert Journal.decode(journal.encode()) == journal
    assert Journal().remembering(1, "webhooks.raw").generation(1).by_settings is False


def test_numbers_are_never_given_twice() -> None:
    """What is left of a dropped generation can never be taken for a later one's."""
    dropped = catching_up().dropping().without(2)

    assert dropped.step is Phase.IDLE
    assert [one.number for one in dropped.generations] == [1]
    assert dropped.begun("current", None, BEGAN).target == 3


def test_giving_a_rollback_up_keeps_its_generation() -> None:
    """Nothing that was live before is deleted by `drop`."""
    given_up = swapped().returning().dropping()

    assert given_up == swapped()


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (lambda: catching_up().begun("current", None, BEGAN), r"the replay to generation 2 is unfinished"),
        (lambda: swapped().returning().returning(), r"a rollback is unfinished .*`replay resume`"),
        (lambda: Journal().returning(), r"generation 1 has no previous one"),
        (lambda: Journal().paused(), r"no replay is under way"),
        (lambda: catching_up().swapping(STOPPED), r"unfinished \(catching-up\)"),
        (lambda: catching_up().paused().swapping(STOPPED).dropping(), r"unfinished \(swapping\)"),
        (lambda: catching_up().patching({}), r"the replay to generation 2 is unfinished"),
        (lambda: Journal().patching({}).begun("current", None, BEGAN), r"a replay in place is under way"),
        (lambda: Journal.decode(b"{"), r"cannot be read"),
        (lambda: Journal.decode(b'{"step": "elsewhere"}'), r"cannot be read"),
    ],
)
def test_a_step_out_of_order_is_refused(step: Callable[[], Journal], complaint: str) -> None:
    """A swap is never given up, and nothing begins while something is unfinished; the text says what to do."""
    with pytest.raises(JournalError, match=complaint):
        step()


def test_a_record_is_read_back() -> None:
    """What is written is what the next process reads."""
    for journal in (
        Journal().patching({0: 3}),
        catching_up(),
        catching_up().paused().swapping(STOPPED),
        swapped(),
        swapped().returning(),
    ):
        assert Journal.decode(journal.encode()) == journal


def test_a_newer_releases_journal_is_not_passed_over() -> None:
    """An earlier journal would be wrong about what is live; only a later one of ours stands in for it."""
    newer = b'{"format":2,"release":"0.9.0","live":{"of":"another shape"}}'
    reasons = list[str]()

    with pytest.raises(NewerJournalError, match=r"format 2.* Use release 0\.9\.0"):
        Journal.latest([swapped().encode(), newer], None, reasons.append)
    with pytest.raises(NewerJournalError):
        Journal.latest([newer, b"{"], swapped(), reasons.append)
    assert Journal.latest([newer, swapped().encode()], None, reasons.append) == swapped()
    assert len(reasons) == 1


def test_a_journal_of_before_numbers_is_read() -> None:
    """It is of the first format, and written with its number the next time."""
    written = orjson.loads(swapped().encode())
    assert written.pop("format") == 1

    assert Journal.decode(orjson.dumps(written)) == swapped()
