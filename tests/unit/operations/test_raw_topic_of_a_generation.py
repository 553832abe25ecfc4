"""Whether the settings name the raw topic that their generation was computed from."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from operations.generations.raw_topic import RawTopicError, raw_topic_of, require_raw_topic, wrong_raw_topic
from schemas.settings import Settings
from schemas.wire.generations import Generation, Journal

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
        "set TELEMETRY_RAW_TOPIC=webhooks.raw.2, or to go on with another log TELEMETRY_GENERATION=3, too "
        "(`up` finds topic and partitions by itself where neither is set, as in a fresh terminal)."
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


def test_without_a_switch_any_topic_is_taken() -> None:
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
