"""Whether the settings name the raw topic that their generation was computed from."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest

from operations.generations.raw_topic import (
    RawTopicError,
    raw_topic_of,
    require_raw_topic,
    require_whole_copy,
    wrong_raw_topic,
)
from schemas.settings import Settings
from schemas.wire.generations import Generation, Journal
from schemas.wire.topics import Topics

OLD, NEW = "webhooks.raw", "webhooks.raw.2"
SWITCHED = Journal(live=2, last=2, generations=(Generation(number=1), Generation(number=2, raw=NEW)))


def settings(**own: Any) -> Settings:
    """Settings that hold nothing but these."""
    return Settings(_env_file=None, **own)


@pytest.mark.parametrize("own", [{}, {"raw_topic": OLD}, {"generation": 2}])
def test_a_live_generation_of_another_topic_is_refused(own: dict[str, Any]) -> None:
    """One line names both topics and what to set, whether the generation is named or followed."""
    with pytest.raises(RawTopicError) as raised:
        require_raw_topic(settings(**own), SWITCHED)

    assert str(raised.value) == (
        "generation 2 is computed from learnpack.webhooks.raw.2, and TELEMETRY_RAW_TOPIC says webhooks.raw; "
        "to go on as before set TELEMETRY_RAW_TOPIC=webhooks.raw.2 (with `up` leave it and TELEMETRY_PARTITIONS unset, "
        "as in a fresh terminal); to go on with learnpack.webhooks.raw set TELEMETRY_GENERATION=3, too."
    )
    assert raw_topic_of(settings(**own), SWITCHED) == NEW


@pytest.mark.parametrize(
    "own",
    [
        {"raw_topic": NEW},
        {"raw_topic": NEW, "generation": 2},
        {"raw_topic": "webhooks.raw.3", "generation": 3},
        {"generation": 1},
    ],
)
def test_the_right_topic_and_one_that_nobody_knows_of_are_taken(own: dict[str, Any]) -> None:
    """A generation that is being computed from a further copy is not in the journal yet."""
    assert wrong_raw_topic(settings(**own), SWITCHED) is None


def test_before_a_switch_the_live_generation_keeps_its_topic() -> None:
    """Whoever names a copy and forgets the generation is told its number, again and again the same one."""
    journal = Journal().remembering(1, OLD)

    assert wrong_raw_topic(settings(), journal) is None
    assert "set TELEMETRY_GENERATION=2, too" in str(wrong_raw_topic(settings(raw_topic=NEW), journal))
    begun = journal.remembering(2, NEW)
    assert wrong_raw_topic(settings(raw_topic=NEW, generation=2), begun) is None
    assert "set TELEMETRY_GENERATION=2, too" in str(wrong_raw_topic(settings(raw_topic=NEW), begun))
    assert "set TELEMETRY_GENERATION=1, too" in str(wrong_raw_topic(settings(generation=2), begun))
    assert "set TELEMETRY_GENERATION=3, too" in str(wrong_raw_topic(settings(raw_topic="other"), begun))


@pytest.mark.parametrize(("said", "there", "fits"), [(8, 16, False), (16, 16, True), (8, None, True)])
def test_a_copy_is_taken_whole(said: int, there: int | None, *, fits: bool) -> None:
    """What the old log's topics tell of partitions is not told of a copy, which nothing was computed from yet."""
    own, journal = settings(raw_topic=NEW, generation=2, partitions=said), Journal().remembering(1, OLD)
    partitions = {Topics.of(own).completions: 8} | ({} if there is None else {Topics.of(own).raw: there})

    with contextlib.nullcontext() if fits else pytest.raises(RawTopicError, match="; set TELEMETRY_PARTITIONS=16"):
        require_whole_copy(own, journal, partitions)
    # Somebody has added some to the log itself, or to the copy later.
    require_whole_copy(settings(generation=2), journal, {Topics.of(settings()).raw: 12})
    require_whole_copy(own, journal, {**partitions, Topics.of(own).facts: 16, Topics.of(own).raw: 20})


def test_where_nothing_was_remembered_any_topic_is_taken() -> None:
    """A journal that does not know the topic says nothing of it, as those do that were written before."""
    old = msgspec.json.decode(Journal().encode())
    del old["generations"][0]["raw"]

    assert wrong_raw_topic(settings(raw_topic="other"), Journal.decode(msgspec.json.encode(old))) is None


def test_a_replay_and_a_rollback_keep_the_topic() -> None:
    """The new generation is computed from the live one's topic, and each remembers its own."""
    begun = SWITCHED.begun("current", None, "")
    swapped = begun.paused().swapping({}).swapped()

    assert wrong_raw_topic(settings(generation=3), begun) is not None
    assert raw_topic_of(settings(), swapped) == NEW
    assert raw_topic_of(settings(), swapped.returning().paused().swapping({}).swapped()) == NEW
    assert raw_topic_of(settings(), SWITCHED.patching({0: 1}).unpaused()) == NEW
