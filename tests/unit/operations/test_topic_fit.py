"""Which topics do not fit, and what to do about it."""

from __future__ import annotations

import pytest

from operations.topic_fit import Misfit, made_partitions, misfits, other_logs, used_partitions
from schemas.settings import Settings
from schemas.wire.topics import Topics

SETTINGS = Settings(_env_file=None, partitions=8)
TOPICS = Topics.of(SETTINGS)
MADE = {spec.name: spec.partitions for spec in TOPICS.specs(SETTINGS)}
DERIVED = (TOPICS.facts, TOPICS.outcomes, TOPICS.scores, TOPICS.telemetry, TOPICS.dead_letters, TOPICS.changelog)


def found(known: dict[str, int], partitions: int = 8) -> list[Misfit]:
    """What does not fit with settings of so many partitions."""
    return list(misfits(SETTINGS.model_copy(update={"partitions": partitions}), known))


def test_what_setup_made_fits() -> None:
    """With the partitions that `setup` gives nothing is said, and all of the raw topic's are used."""
    assert found(MADE) == []
    assert used_partitions(SETTINGS, MADE) == 8


def test_what_is_missing_is_for_setup_to_make() -> None:
    """Each missing topic is named with the command."""
    known = {name: count for name, count in MADE.items() if name != TOPICS.scores}

    (one,) = found(known)

    assert (one.topic, one.missing, one.mend) == (TOPICS.scores, True, "Run: learnpack-telemetry setup")
    assert all(one.missing for one in found({}))


@pytest.mark.parametrize("generation", ["", ".g3"])
def test_a_raw_topic_that_was_deleted_is_not_made_anew(generation: str) -> None:
    """Where something derived from it is there, of whatever generation, it is brought back: ids go on from its end."""
    others = {name: count for name, count in MADE.items() if name not in (TOPICS.raw, *DERIVED)}

    one = next(one for one in found({**others, f"learnpack.outcomes{generation}": 8}) if one.topic == TOPICS.raw)

    assert (one.missing, one.harmless) == (False, False)
    assert "learnpack-telemetry raw restore DIR webhooks.raw.2" in one.mend
    # Without it `setup` ended before it had made the first one.
    assert all(one.missing for one in found(others))


@pytest.mark.parametrize("partitions", [4, 12])
def test_settings_that_differ_from_all_topics_are_wrong(partitions: int) -> None:
    """The number that all topics tell is the one to set, and nothing else is said."""
    (one,) = found(MADE, partitions)

    assert (one.mend, one.harmless) == ("Set TELEMETRY_PARTITIONS=8", False)
    assert one.detail == f"has 8 partitions, TELEMETRY_PARTITIONS says {partitions}"


def test_partitions_that_were_added_to_the_raw_topic_are_not_used() -> None:
    """It works on with the first ones, whichever number the settings say, and nobody is sent in circles."""
    known = {**MADE, TOPICS.raw: 12}

    (one,) = found(known)

    assert (one.topic, one.harmless) == (TOPICS.raw, True)
    assert one.detail == "has 12 partitions, of which 8 are used: somebody has added some"
    assert "raw copy webhooks.raw.2 --partitions 16" in one.mend
    assert used_partitions(SETTINGS, known) == 8
    (other,) = found(known, 12)
    assert (other.mend, other.harmless) == ("Set TELEMETRY_PARTITIONS=8", False)
    without = {name: count for name, count in known.items() if name not in DERIVED}
    assert used_partitions(SETTINGS, without) == 8
    assert not [one for one in found(without) if not one.missing and not one.harmless]


def test_settings_that_were_forgotten_leave_no_partition_out() -> None:
    """Where everything has more partitions than the settings say, all of them are used."""
    many = {name: 32 if count == 8 else count for name, count in MADE.items()}

    assert used_partitions(SETTINGS, many) == 32
    assert [one.mend for one in found(many)] == ["Set TELEMETRY_PARTITIONS=32"]


def test_what_setup_made_tells_the_partitions_of_a_generation() -> None:
    """Whatever the settings say, the derived topics say; where nothing is derived yet, nobody knows."""
    assert made_partitions(SETTINGS, MADE) == 8
    assert made_partitions(SETTINGS, {**MADE, TOPICS.raw: 12}) == 8
    assert made_partitions(SETTINGS, {TOPICS.raw: 12}) is None
    assert made_partitions(SETTINGS, {**MADE, TOPICS.facts: 12}) is None
    assert made_partitions(SETTINGS.model_copy(update={"generation": 2}), MADE) is None


def test_who_forgets_to_name_a_copy_is_told() -> None:
    """A new generation with more partitions than its log has is meant for a copy."""
    other = SETTINGS.model_copy(update={"generation": 2, "partitions": 16})

    one = next(one for one in misfits(other, MADE) if not one.missing)

    assert (one.topic, one.detail) == (TOPICS.raw, "has 8 partitions, TELEMETRY_PARTITIONS says 16")
    assert one.mend.startswith("Set TELEMETRY_RAW_TOPIC, too, if a copy of the log is meant; ")
    assert one.mend.endswith(" Set TELEMETRY_PARTITIONS=8")


@pytest.mark.parametrize(("count", "harmless"), [(1, False), (12, True)])
def test_a_derived_topic_with_other_partitions(count: int, *, harmless: bool) -> None:
    """With more it works as it is; with fewer it is to be made again."""
    (one,) = found({**MADE, TOPICS.facts: count})

    assert (one.topic, one.harmless) == (TOPICS.facts, harmless)
    assert harmless or one.mend.startswith("Delete it with Kafka's tools, run `learnpack-telemetry setup`")


def test_a_raw_topic_that_something_else_made_is_named() -> None:
    """With fewer partitions than everything else, the settings are not blamed."""
    (one,) = found({**MADE, TOPICS.raw: 1})

    assert one.mend.startswith("`setup` did not make it")
    assert not one.harmless


def test_only_partition_0_of_a_reference_topic_is_read() -> None:
    """One that was grown is named, for what writes to it by key would not be heard."""
    (one,) = found({**MADE, TOPICS.users: 3})

    assert (one.topic, one.harmless) == (TOPICS.users, True)
    assert one.detail == "has 3 partitions: only 0 is read"


def test_a_copy_with_more_partitions_fits_before_setup() -> None:
    """The raw topic of the settings decides where what is derived from it is not made yet."""
    settings = SETTINGS.model_copy(update={"partitions": 16, "raw_topic": "webhooks.raw.16", "generation": 2})
    known = {**MADE, Topics.of(settings).raw: 16}

    assert [one for one in misfits(settings, known) if not one.missing] == []
    assert used_partitions(settings, known) == 16


def test_logs_of_before_and_copies_are_told_from_what_is_worked_on() -> None:
    """Neither a generation's topics, nor Faust's own, nor those of others on the same brokers are among them."""
    old, copy = f"{TOPICS.prefix}webhooks.raw.2", f"{TOPICS.prefix}trial"
    others = (f"{TOPICS.prefix}facts.g7", f"{TOPICS.prefix}worker.g1-__assignor-__leader", "orders")

    assert other_logs(SETTINGS, MADE) == []
    assert other_logs(SETTINGS, MADE | dict.fromkeys((old, copy, *others), 4)) == [copy, old]
