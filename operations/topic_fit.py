"""Whether the topics have the partitions that the settings say, and what to do where they have not (pure).

A student's webhooks are in one partition, and so is their state: partitions are never added to a topic in use. Where
Kafka's tools have added some to the raw topic all the same, the first ones are used on: gateways write to those, and
workers move there what others write into the rest. How many those are the derived topics tell, which `setup` made with
as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.wire.topic_names import REFERENCE, is_derived
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.settings import Settings

__all__ = ["Misfit", "made_partitions", "misfits", "other_logs", "used_partitions"]

_SETUP: Final = "Run: learnpack-telemetry setup"
_NAME_IT: Final = "Set TELEMETRY_RAW_TOPIC, too, if a copy of the log is meant; to go on with this one: "


@dataclass(frozen=True, slots=True)
class Misfit:
    """A topic that is missing or has other partitions; `harmless` if everything works all the same."""

    topic: str
    detail: str
    mend: str
    harmless: bool = False
    missing: bool = False


def used_partitions(settings: Settings, partitions: Mapping[str, int]) -> int:
    """How many partitions of the raw topic are used, of topics with these numbers of partitions; 0 if it is missing."""
    topics = Topics.of(settings)
    raw, wanted = partitions.get(topics.raw, 0), settings.partitions
    if raw <= wanted:
        return raw
    return wanted if wanted in _witnesses(topics, partitions) else raw


def made_partitions(settings: Settings, partitions: Mapping[str, int]) -> int | None:
    """How many partitions `setup` gave to what the generation derives; None where that is nothing, or no one number."""
    counts = set(_derived(Topics.of(settings), partitions).values())
    return counts.pop() if len(counts) == 1 else None


def _derived(topics: Topics, partitions: Mapping[str, int]) -> dict[str, int]:
    """What the generation derives, of the topics that there are."""
    names = (
        topics.facts,
        topics.outcomes,
        topics.scores,
        topics.telemetry,
        topics.dead_letters,
        topics.changelog,
    )
    return {name: partitions[name] for name in names if name in partitions}


def _witnesses(topics: Topics, partitions: Mapping[str, int]) -> set[int]:
    """The numbers of partitions that `setup` gave to what is derived; those of a copy are made after it."""
    numbers = set(_derived(topics, partitions).values())
    return numbers or {partitions[name] for name in (topics.completions,) if name in partitions}


def misfits(settings: Settings, partitions: Mapping[str, int]) -> Iterator[Misfit]:
    """What does not fit, of topics with these numbers of partitions; what is not harmless comes first."""
    topics, wanted = Topics.of(settings), settings.partitions
    for spec in topics.specs(settings):
        if spec.name == topics.raw and spec.name not in partitions and _lived(topics, partitions):
            yield _lost(topics)
        elif spec.name not in partitions:
            yield Misfit(spec.name, "is missing", _SETUP, missing=True)
    raw = partitions.get(topics.raw, wanted)
    derived = _derived(topics, partitions)
    counts = set(derived.values())
    if wanted not in counts and len(counts) == 1 and raw >= (there := next(iter(counts))):
        # All of them tell the same, and the settings something else.
        name = topics.raw if raw == there else next(iter(derived))
        yield _settings_differ(name, there, wanted)
        return
    if raw < wanted and wanted in counts:
        mend = "`setup` did not make it: delete it, if nothing in it is needed, then run: learnpack-telemetry setup"
        yield Misfit(topics.raw, f"has {raw} partitions, not {wanted}", mend)
        return
    if raw < wanted or (raw > wanted and wanted not in _witnesses(topics, partitions)):
        # With more than the log has, and nothing made of it: a copy was meant, and not named.
        copy = raw < wanted and not derived
        yield _settings_differ(topics.raw, raw, wanted, _NAME_IT if copy else "")
        return
    yield from _of_derived(derived, wanted)
    yield from _of_reference(topics, partitions)
    if raw > wanted:
        more = f"learnpack-telemetry raw copy webhooks.raw.2 --partitions {2 * wanted}"
        yield Misfit(
            topics.raw,
            f"has {raw} partitions, of which {wanted} are used: somebody has added some",
            f"Nothing is lost: what is written into the others is moved. For more partitions: {more}",
            harmless=True,
        )
    yield from (
        Misfit(name, f"has {count} partitions, of which {wanted} are used", "They may stay", harmless=True)
        for name, count in derived.items()
        if count > wanted
    )


def other_logs(settings: Settings, partitions: Mapping[str, int]) -> list[str]:
    """Topics under our prefix that are neither the settings' own nor of any generation, nor what Faust makes.

    They are raw topics of before, and copies that nobody has gone over to.
    """
    topics = Topics.of(settings)
    own = {spec.name for spec in topics.specs(settings)}
    names = sorted(name for name in partitions if name.startswith(topics.prefix) and name not in own)
    workers = topics.application.rpartition(".")[0]
    return [name for name in names if not _is_derived(topics, name) and not name.startswith(f"{workers}.")]


def _is_derived(topics: Topics, name: str) -> bool:
    return name.startswith(topics.prefix) and is_derived(name.removeprefix(topics.prefix))


def _lived(topics: Topics, partitions: Mapping[str, int]) -> bool:
    """Whether there was a raw topic: `setup` makes it before anything that is derived from it."""
    return any(_is_derived(topics, name) for name in partitions)


def _lost(topics: Topics) -> Misfit:
    new = f"{topics.raw_name}.2"
    mend = (
        "Correct TELEMETRY_RAW_TOPIC if it names the wrong one; if the topic was deleted, bring it back from "
        "ClickHouse: `learnpack-telemetry archive DIR --until DATE` with the day of today (UTC), then "
        f"`learnpack-telemetry raw restore DIR {new}`, and go on with {new} as docs/operations.md says under "
        "'The raw topic was deleted'"
    )
    return Misfit(topics.raw, "is gone: in a new one webhooks would take the ids of those that are stored", mend)


def _settings_differ(topic: str, there: int, wanted: int, before: str = "") -> Misfit:
    detail = f"has {there} partitions, TELEMETRY_PARTITIONS says {wanted}"
    return Misfit(topic, detail, f"{before}Set TELEMETRY_PARTITIONS={there}")


def _of_derived(derived: Mapping[str, int], wanted: int) -> Iterator[Misfit]:
    for name, count in derived.items():
        if count < wanted:
            mend = "Delete it with Kafka's tools, run `learnpack-telemetry setup`, then `learnpack-telemetry replay`"
            yield Misfit(name, f"has {count} partitions, not {wanted}", mend)


def _of_reference(topics: Topics, partitions: Mapping[str, int]) -> Iterator[Misfit]:
    for name in (*(f"{topics.prefix}{kind}" for kind in REFERENCE), topics.generations):
        if partitions.get(name, 1) != 1:
            mend = "Let whatever else writes to it write to partition 0"
            yield Misfit(name, f"has {partitions[name]} partitions: only 0 is read", mend, harmless=True)
