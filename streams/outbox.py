"""Turns what came of a chunk into the messages of its transaction (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from streams.dead_letters import letter
from streams.messages import Message, keyed, pack, source_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.wire.topics import Topics
    from streams.messages import Headers
    from streams.processing import Core, Processed

__all__ = ["Outbox", "Outgoing"]

Outgoing = dict[TopicPartition, list[Message]]

# Reference topics have one partition.
_REFERENCE_PARTITION: Final = 0


@dataclass(frozen=True, slots=True)
class Outbox:
    """Addresses the outputs of one partition: derived topics have raw's partitions, a record's outputs stay on its own.

    Attributes:
        live: Whether this generation writes the reference topics and completions (a replay does not until it is live).
        limit: Largest message that the topics take, in bytes.
        redact: The keys that dead letters do not keep.
    """

    topics: Topics
    partition: int
    core: Core
    limit: int
    live: bool = True
    redact: frozenset[str] = frozenset()

    def fill(self, processed: Processed, records: Sequence[Any], traceparent: str | None = None) -> Outgoing:
        """The messages by topic partition; `traceparent` names the span in which they were computed.

        Raises OversizeError if something does not fit into a message.
        """
        sources = source_headers(records[0].offset, records[-1].offset, traceparent)
        outcomes = [self.core.dead_outcome(dead.record, dead.reason) for dead in processed.dead]
        out: Outgoing = {}
        topics, effects = self.topics, processed.effects
        if effects is not None:
            outcomes = [*effects.outcomes, *outcomes]
            self._add(out, topics.facts, list(pack("a fact", effects.facts, sources, self.limit)))
            self._add(out, topics.scores, list(pack("a score", effects.scores, sources, self.limit)))
            self._add(out, topics.telemetry, keyed("a document", effects.telemetry, self.limit))
            self._add(out, topics.changelog, keyed("a state", _bare(effects.changes), self.limit))
            if self.live:
                self._add(out, topics.completions, keyed("a completion", _bare(effects.completions), self.limit))
                for kind, key, value in effects.directory:
                    tp = TopicPartition(self._reference(kind), _REFERENCE_PARTITION)
                    out.setdefault(tp, []).extend(keyed(f"a record of {kind}", [(key, value, [])], self.limit))
        self._add(out, topics.outcomes, list(pack("an outcome", outcomes, sources, self.limit)))
        self._add(out, topics.dead_letters, [letter(dead, self.limit, self.redact) for dead in processed.dead])
        return out

    def _add(self, out: Outgoing, topic: str, messages: list[Message]) -> None:
        if messages:
            out[TopicPartition(topic, self.partition)] = messages

    def _reference(self, kind: str) -> str:
        topics = self.topics
        return {"assets": topics.assets, "users": topics.users, "tasks": topics.tasks}[kind]


def _bare(records: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[bytes, bytes | None, Headers]]:
    return ((key, value, []) for key, value in records)
