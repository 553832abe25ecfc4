"""Names and configurations of the topics (docs/asyncapi.yaml)."""

from __future__ import annotations

import pytest

from schemas.settings import Settings
from schemas.wire.topic_names import DERIVED, REFERENCE, is_reserved
from schemas.wire.topics import Topics

POLICIES = {
    "webhooks.raw": "delete",
    "ignore-rules": "compact",
    "ignore-rules.changes": "delete",
    "directory.assets": "compact",
    "directory.users": "compact",
    "directory.tasks": "compact",
    "directory.academies": "compact",
    "directory.tokens": "compact",
    "facts": "delete",
    "outcomes": "delete",
    "scores": "delete",
    "telemetry": "compact",
    "completions": "delete",
    "stuck": "delete",
    "forwarders": "compact",
    "dead-letters": "delete",
    "generations": "compact",
}


def settings(**overrides: object) -> Settings:
    """Settings that no environment changes."""
    return Settings(_env_file=None, **overrides)  # type: ignore[arg-type]


def names(topics: Topics) -> dict[str, str]:
    """Every topic's name by its property."""
    return {
        name: getattr(topics, name)
        for name, member in vars(Topics).items()
        if isinstance(member, property) and name not in {"application", "sinks", "raw_sinks", "stuck_writer"}
    }


def test_the_first_generation_has_the_names_of_the_contract() -> None:
    """Every documented topic is there, beside the worker's changelog."""
    topics = Topics.of(settings())

    assert set(names(topics).values()) == {f"learnpack.{name}" for name in POLICIES} | {topics.changelog}
    assert topics.changelog == "learnpack.worker.g1-state-changelog"


def test_a_later_generation_has_derived_topics_of_its_own() -> None:
    """Derived topics, application and changelog carry the generation; raw, reference topics and completions do not."""
    first, second = Topics(), Topics(generation=2)
    own = {name for name, topic in names(first).items() if names(second)[name] != topic}

    assert own == {name.replace("-", "_") for name in DERIVED} | {"changelog"}
    assert (second.facts, second.dead_letters) == ("learnpack.facts.g2", "learnpack.dead-letters.g2")
    assert (first.sinks, second.sinks, second.raw_sinks) == (
        "learnpack.sink.g1",
        "learnpack.sink.g2",
        "learnpack.sink.raw",
    )
    assert (second.application, second.changelog) == ("learnpack.worker.g2", "learnpack.worker.g2-state-changelog")
    assert second.completions == "learnpack.completions"


def test_no_two_topics_share_a_name() -> None:
    """A name is one topic, in one generation and across two, where only what they share is equal."""
    first, second = names(Topics()), names(Topics(generation=2))
    shared = {topic for name, topic in first.items() if second[name] == topic}

    assert len(set(first.values())) == len(first)
    assert set(first.values()) & set(second.values()) == shared


@pytest.mark.parametrize("generation", [1, 2])
def test_setup_creates_every_topic_as_the_contract_says(generation: int) -> None:
    """Each topic has its cleanup policy, and derived ones have raw's partitions."""
    chosen = settings(topic_prefix="t.", partitions=3, replication=2, generation=generation)
    topics = Topics.of(chosen)
    specs = {spec.name: spec for spec in topics.specs(chosen)}

    assert set(specs) == set(names(topics).values())
    for short, policy in POLICIES.items():
        name = f"t.{short}" + (f".g{generation}" if generation > 1 and short in DERIVED else "")
        single = short in REFERENCE or short in {"generations", "ignore-rules.changes", "stuck", "forwarders"}
        assert specs[name].config["cleanup.policy"] == policy
        assert specs[name].partitions == (1 if single else 3)
        assert specs[name].replication == 2
    assert specs[topics.changelog].config["cleanup.policy"] == "compact"
    assert specs[topics.changelog].partitions == 3


def test_what_is_compacted_is_kept_for_ever() -> None:
    """State, reference data and changes of rules have no retention time; the raw topic has the configured one."""
    chosen = settings(raw_retention_days=2)
    specs = Topics.of(chosen).specs(chosen)

    assert all("retention.ms" not in spec.config for spec in specs if spec.config["cleanup.policy"] == "compact")
    retained = {spec.name: spec.config.get("retention.ms") for spec in specs}
    assert retained["learnpack.webhooks.raw"] == "172800000"
    assert retained["learnpack.ignore-rules.changes"] == "-1"


def test_every_topic_takes_any_timestamp() -> None:
    """No record is refused because the clock of who wrote it is ahead."""
    chosen = settings()

    assert {spec.config["message.timestamp.after.max.ms"] for spec in Topics.of(chosen).specs(chosen)} == {
        "9223372036854775807"
    }


def test_every_topic_takes_the_largest_body() -> None:
    """A body of the allowed size, and what is derived from it, fits every topic."""
    chosen = settings(max_body_bytes=1000)

    assert all(int(spec.config["max.message.bytes"]) > 2000 for spec in Topics.of(chosen).specs(chosen))


@pytest.mark.parametrize("generation", [1, 2, 17])
def test_the_name_of_each_other_topic_is_reserved(generation: int) -> None:
    """Whatever generation it is of, beside what Faust makes; a raw topic's is not, whichever it is."""
    chosen = settings(topic_prefix="t.", generation=generation)
    own = {spec.name.removeprefix("t.") for spec in Topics.of(chosen).specs(chosen)} - {"webhooks.raw"}

    assert {name for name in own if not is_reserved(name)} == set()
    assert is_reserved(f"worker.g{generation}-__assignor-__leader")
    assert not any(map(is_reserved, ("webhooks.raw", "webhooks.raw.2", "facts.raw", "directory", "scores2", "workers")))
