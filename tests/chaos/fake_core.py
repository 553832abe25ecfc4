"""A small pure core for tests of the worker: counts each student's records and reports every one of them."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from streams.processing import Core

if TYPE_CHECKING:
    from streams.processing import Load

__all__ = ["CORE", "FakeEffects", "FakeProcessor", "fold"]


@dataclass(slots=True)
class FakeEffects:
    """What a chunk changes."""

    facts: list[bytes] = field(default_factory=list)
    outcomes: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    telemetry: list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]] = field(default_factory=list)
    completions: list[tuple[bytes, bytes]] = field(default_factory=list)
    directory: list[tuple[str, bytes, bytes | None]] = field(default_factory=list)
    changes: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)


class UndecodableError(Exception):
    """The record is not what the fake core reads."""

    stage = "decode"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FakeProcessor:
    """Each record: one fact and one outcome; each touched student: a state that depends on the order of records."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._states: dict[bytes, dict[str, Any] | None] = {}
        self._effects = FakeEffects()

    def apply(self, record: Any) -> None:
        """Count the record; bodies may ask to raise, to forget the student, for a document and so on."""
        try:
            body = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError as error:
            raise UndecodableError(str(error)) from error
        if "sleep" in body:
            time.sleep(body["sleep"])
        if "raise" in body:
            raise RuntimeError(body["raise"])
        key = record.key
        state = self._states.get(key)
        if state is None:
            stored = self._load(key)
            state = orjson.loads(stored) if stored else {"n": 0, "chain": ""}
        if body.get("forget"):
            state = {"n": 0, "chain": ""}
        else:
            chain = hashlib.sha256(f"{state['chain']}{record.offset}".encode()).hexdigest()[:12]
            state = {"n": state["n"] + 1, "chain": chain, "pad": "x" * body.get("grow", 0)}
        self._states[key] = state
        place = {"partition": record.partition, "offset": record.offset}
        effects = self._effects
        effects.facts.append(orjson.dumps({**place, "key": key.decode(), "n": state["n"], "chain": state["chain"]}))
        effects.outcomes.append(orjson.dumps({**place, "verdict": "stored"}))
        effects.verdicts["stored"] += 1
        if "document" in body:
            effects.telemetry.append((key + b":course", b"d" * body["document"], [("row", b"{}")]))
        if body.get("complete"):
            effects.completions.append((key, b"%d" % record.offset))
        if "asset" in body:
            effects.directory.append(("assets", b"%d" % body["asset"], orjson.dumps({"id": body["asset"]})))

    def finish(self) -> FakeEffects:
        """The effects, with the touched states."""
        for key, state in self._states.items():
            assert state is not None
            gone = state["n"] == 0
            self._effects.changes.append((key, None if gone else orjson.dumps(state)))
        return self._effects


def dead_outcome(record: Any, reason: str) -> bytes:
    """The outcome row of a dead letter."""
    return orjson.dumps({"partition": record.partition, "offset": record.offset, "verdict": "dead", "reason": reason})


CORE = Core(FakeProcessor, dead_outcome)


@dataclass(slots=True)
class Folded:
    """What a pure fold of the raw topic gives."""

    facts: list[bytes]
    outcomes: list[bytes]
    states: dict[bytes, bytes]


def fold(records: list[Any]) -> Folded:
    """Fold the good records of one partition, in order, one at a time."""
    states: dict[bytes, bytes] = {}
    facts, outcomes = [], []
    for record in records:
        processor = FakeProcessor(states.get)
        try:
            processor.apply(record)
        except Exception:  # noqa: BLE001, S112 - a dead letter
            continue
        effects = processor.finish()
        facts += effects.facts
        outcomes += effects.outcomes
        for key, value in effects.changes:
            if value is None:
                states.pop(key, None)
            else:
                states[key] = value
    return Folded(facts, outcomes, states)
