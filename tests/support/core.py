"""Runs the core as the worker does, on a table in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from schemas.reference.lookup import Reference
from schemas.wire.headers import RawHeaders, encode_headers
from streams.core.chunk import ChunkProcessor, Record
from streams.core.policy import Past, Policy
from streams.core.state import State
from streams.core.store import state_key
from streams.core.webhook import read

if TYPE_CHECKING:
    from streams.core.effects import Effects

__all__ = ["MORNING", "Core", "Posted", "deliver", "live_facts", "live_rows", "state_of"]

# 2026-03-02 08:00 UTC, in milliseconds.
MORNING = 1_772_438_400_000

_COLUMNS_OF_ORIGIN = ("webhook_id", "ordinal", "received_at", "version", "source")


def live_rows(rows: list[dict[str, Any]], identity: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows as a reader sees them: of one identity the highest version, the last of equal ones, unless it is deleted."""
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in identity)
        if key not in latest or row["version"] >= latest[key]["version"]:
            latest[key] = row
    return {key: row for key, row in latest.items() if not row.get("deleted")}


def live_facts(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """What the facts in force say, without where they were first seen."""
    return {
        (row["event"], row["actor"], row["asset_slug"], row["step_slug"], row["item_id"])
        for row in live_rows(rows, ("item_id",)).values()
    }


@dataclass
class Core:
    """One partition: `send` processes a webhook at once, `run` a list of records in chunks of a size."""

    reference: Reference = field(default_factory=Reference)
    policy: Policy = field(default_factory=Policy)
    past: Past | None = None
    table: dict[bytes, bytes] = field(default_factory=dict)
    facts: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    telemetry: dict[bytes, tuple[bytes | None, dict[str, Any]]] = field(default_factory=dict)
    completions: list[dict[str, Any]] = field(default_factory=list)
    directory: list[tuple[str, bytes, bytes | None]] = field(default_factory=list)
    offset: int = 0
    now: int = MORNING

    def record(
        self,
        payload: dict[str, Any] | bytes,
        *,
        at: int | None = None,
        params: dict[str, str] | None = None,
        **headers: Any,
    ) -> Record:
        """The next record of the log; `at` is its arrival (by default a minute after the one before)."""
        self.now = self.now + 60_000 if at is None else at
        encoded = encode_headers(RawHeaders(params=params, **headers))
        value = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        record = Record(0, self.offset, self.now, b"", value, encoded)
        self.offset += 1
        return record

    def run(self, records: list[Record], size: int = 1_000_000) -> None:
        """Process records in chunks of at most `size`."""
        for start in range(0, len(records), size):
            processor = ChunkProcessor(self.table.get, self.reference, self.policy, self.past)
            for record in records[start : start + size]:
                processor.apply(record)
            self._take(processor.finish())

    def _take(self, effects: Effects) -> None:
        self.facts += map(orjson.loads, effects.facts)
        self.outcomes += map(orjson.loads, effects.outcomes)
        self.scores += map(orjson.loads, effects.scores)
        self.completions += [orjson.loads(value) for _, value in effects.completions]
        self.directory += effects.directory
        for kind, key, value in effects.directory:
            self.reference.apply(kind, key, value)  # type: ignore[arg-type]
        for name, document, headers in effects.telemetry:
            self.telemetry[name] = (document, orjson.loads(dict(headers)["row"]))
        for name, value in effects.changes:
            if value is None:
                self.table.pop(name, None)
            else:
                self.table[name] = value

    def send(self, payload: dict[str, Any] | bytes, **options: Any) -> dict[str, Any]:
        """Process one webhook in a chunk of its own; its outcome row."""
        record = self.record(payload, **options)
        self.run([record])
        return next(row for row in reversed(self.outcomes) if row["id"] == read(record).id)

    def verdict(self, payload: dict[str, Any] | bytes, **options: Any) -> tuple[str, str]:
        """Process one webhook; its status and text."""
        outcome = self.send(payload, **options)
        return outcome["status"], outcome["status_text"]

    def refer(self, kind: str, key: str | int, value: Any) -> None:
        """Put a record of a reference topic in force."""
        self.reference.apply(kind, str(key).encode(), None if value is None else orjson.dumps(value))  # type: ignore[arg-type]

    def events(self) -> list[tuple[str, str]]:
        """(event, step) of the facts in force, in the order in which they were told."""
        return [(row["event"], row["step_slug"]) for row in live_rows(self.facts, ("item_id",)).values()]

    def score(self) -> dict[str, Any]:
        """The last scores row."""
        return self.scores[-1]


# What a client posted: (milliseconds, payload).
Posted = list[tuple[int, dict[str, Any]]]


def state_of(core: Core, actor: str = "7", slug: str = "lists") -> State:
    """The stored state of a student in a tutorial."""
    return msgspec.msgpack.decode(core.table[state_key(actor, slug)], type=State)


def deliver(posted: Posted) -> Core:
    """A core that has processed what was posted."""
    core = Core()
    for at, payload in posted:
        core.send(payload, at=at)
    return core
