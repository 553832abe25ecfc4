"""Names and configurations of the Kafka topics (docs/asyncapi.yaml describes their records)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from schemas.wire.topic_names import REFERENCE

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["IN_SYNC", "RECORD_OVERHEAD", "STUCK_DAYS", "TopicSpec", "Topics", "in_sync"]

_LEAST_COPIES: Final = 3
_DAY_MS: Final = 86_400_000
# For how long Kafka keeps who was stuck.
STUCK_DAYS: Final = 30
# What Kafka adds to a message, and our own headers.
RECORD_OVERHEAD: Final = 64 << 10

# Brokers refuse what is more than an hour ahead of their clock. A gateway whose clock is wrong has answered `ok` all
# the same, and what it spooled would be refused for ever.
_ANY_TIMESTAMP: Final = {"message.timestamp.after.max.ms": str((1 << 63) - 1)}


# How many copies must have a record before it is acknowledged; operators may ask for more.
IN_SYNC: Final = "min.insync.replicas"


def in_sync(replication: int) -> dict[str, str]:
    """So many copies that one may be away and none that is acknowledged is the only one; nothing for fewer than 3."""
    return {IN_SYNC: str(replication - 1)} if replication >= _LEAST_COPIES else {}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as `setup` creates it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names for one prefix (`learnpack.` in production, unique in tests) and one generation (from 1).

    `raw_name` is the raw topic's name behind the prefix; a copy has another one.
    """

    prefix: str = "learnpack."
    generation: int = 1
    raw_name: str = "webhooks.raw"

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """The topics that these settings name."""
        return cls(settings.topic_prefix, settings.generation, settings.raw_topic)

    def of_generation(self, generation: int) -> Topics:
        """The same with the derived topics of another generation."""
        return replace(self, generation=generation)

    def _derived(self, name: str) -> str:
        suffix = f".g{self.generation}" if self.generation > 1 else ""
        return f"{self.prefix}{name}{suffix}"

    @property
    def raw(self) -> str:
        """Webhooks as they came in: the only truth, from which everything else is derived."""
        return f"{self.prefix}{self.raw_name}"

    @property
    def ignore_rules(self) -> str:
        """Each academy's ignore rules."""
        return f"{self.prefix}ignore-rules"

    @property
    def rule_changes(self) -> str:
        """Every change of an academy's ignore rules: who, when, from what to what."""
        return f"{self.prefix}ignore-rules.changes"

    @property
    def assets(self) -> str:
        """The directory's assets."""
        return f"{self.prefix}directory.assets"

    @property
    def users(self) -> str:
        """The directory's users."""
        return f"{self.prefix}directory.users"

    @property
    def tasks(self) -> str:
        """The directory's tasks."""
        return f"{self.prefix}directory.tasks"

    @property
    def academies(self) -> str:
        """The directory's academies."""
        return f"{self.prefix}directory.academies"

    @property
    def tokens(self) -> str:
        """Personal tokens and ingest keys, by their SHA-256."""
        return f"{self.prefix}directory.tokens"

    @property
    def facts(self) -> str:
        """New things that students did."""
        return self._derived("facts")

    @property
    def outcomes(self) -> str:
        """What became of each webhook."""
        return self._derived("outcomes")

    @property
    def scores(self) -> str:
        """What was computed of each (student, asset)."""
        return self._derived("scores")

    @property
    def telemetry(self) -> str:
        """The document of each (student, asset), as the last batch or staff command left it."""
        return self._derived("telemetry")

    @property
    def dead_letters(self) -> str:
        """Records that could not be processed, and why."""
        return self._derived("dead-letters")

    @property
    def completions(self) -> str:
        """Students who finished a tutorial, for the LMS."""
        return f"{self.prefix}completions"

    @property
    def stuck(self) -> str:
        """Students who are stuck, each once as long as it goes on."""
        return f"{self.prefix}stuck"

    @property
    def stuck_writer(self) -> str:
        """The transactional id of whoever writes down who is stuck: of several one at a time may."""
        return f"{self.prefix}forward.stuck"

    @property
    def forwarders(self) -> str:
        """Which forwarders are paused, and why."""
        return f"{self.prefix}forwarders"

    def forward_group(self, name: str) -> str:
        """The consumer group of the forwarders of a name."""
        return f"{self.prefix}forward.{name}"

    @property
    def generations(self) -> str:
        """Which generation is live, and the journal of a replay."""
        return f"{self.prefix}generations"

    @property
    def application(self) -> str:
        """The worker's Faust application id and consumer group of this generation."""
        return f"{self.prefix}worker.g{self.generation}"

    @property
    def sinks(self) -> str:
        """The consumer group of this generation's sinks."""
        return f"{self.prefix}sink.g{self.generation}"

    @property
    def raw_sinks(self) -> str:
        """The consumer group of the sinks of raw webhooks, whatever generation is live."""
        return f"{self.prefix}sink.raw"

    def copies_into(self, target: str) -> str:
        """The group that keeps how far the raw topic was copied into another."""
        return f"{self.prefix}raw-copy.{target}"

    def restores_into(self, target: str) -> str:
        """The group that keeps how far an archive was restored into a topic."""
        return f"{self.prefix}raw-restore.{target}"

    def imports_into(self, target: str) -> str:
        """The group that keeps how far the LMS's history was imported into a topic."""
        return f"{self.prefix}history-import.{target}"

    @property
    def changelog(self) -> str:
        """The changelog of the worker's only table, `state`: Faust derives this name from application and table."""
        return f"{self.application}-state-changelog"

    def specs(self, settings: Settings) -> list[TopicSpec]:
        """Every topic with its partitions and configuration, in the order in which `setup` creates them."""

        def spec(name: str, cleanup: Literal["compact", "delete"], partitions: int, **config: str) -> TopicSpec:
            size = {"max.message.bytes": str(settings.max_message_bytes + RECORD_OVERHEAD)}
            always = {"cleanup.policy": cleanup, **size, **_ANY_TIMESTAMP, **in_sync(settings.replication)}
            return TopicSpec(name, partitions, settings.replication, {**always, **config})

        many = settings.partitions
        retention = {"retention.ms": str(settings.raw_retention_days * _DAY_MS)}
        # A record that cannot be read leaves the last good one in force: that has to be there still for who starts. The
        # directory's, which hold names, have to be gone within hours when they are erased.
        kept = {"min.compaction.lag.ms": str(30 * _DAY_MS)}
        for_ever = {"retention.ms": "-1", "retention.bytes": "-1"}
        brisk = {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(_DAY_MS // 24)}
        return [
            spec(self.raw, "delete", many, **retention),
            *(
                spec(f"{self.prefix}{name}", "compact", 1, **brisk, **({} if name.startswith("directory.") else kept))
                for name in REFERENCE
            ),
            spec(self.rule_changes, "delete", 1, **for_ever),
            spec(self.generations, "compact", 1, **brisk, **kept),
            spec(self.facts, "delete", many, **retention),
            spec(self.outcomes, "delete", many, **retention),
            spec(self.scores, "delete", many, **retention),
            spec(self.telemetry, "compact", many, **brisk),
            spec(self.dead_letters, "delete", many, **retention),
            spec(self.completions, "delete", many, **retention),
            # What was told is looked up here, a week back.
            spec(self.stuck, "delete", 1, **{"retention.ms": str(STUCK_DAYS * _DAY_MS)}),
            spec(self.forwarders, "compact", 1, **brisk),
            spec(self.changelog, "compact", many, **brisk),
        ]
