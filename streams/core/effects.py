"""What a chunk leads to: the lines and records that its transaction writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Change", "Completion", "DocumentRecord", "Effects", "ReferenceRecord"]


class DocumentRecord(NamedTuple):
    """A document as a record of its topic, None to delete it; the headers have the columns of its row."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Completion(NamedTuple):
    """That a student has completed a tutorial, as a record of its topic."""

    key: bytes
    value: bytes


class ReferenceRecord(NamedTuple):
    """A record of the reference topic of its kind; a value of None is a tombstone."""

    kind: str
    key: bytes
    value: bytes | None


class Change(NamedTuple):
    """A new value of the state table; None deletes."""

    key: bytes
    value: bytes | None


@dataclass(slots=True)
class Effects:
    """What a chunk leads to, in order; facts, outcomes and scores are lines of JSON without a newline.

    Attributes:
        telemetry: Documents, of each (student, tutorial, run) the last.
        directory: Records of assets that webhooks changed.
        changes: Of the state table, by key the last one counts.
        verdicts: How many records got which.
    """

    facts: list[bytes] = field(default_factory=list)
    outcomes: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    telemetry: list[DocumentRecord] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    directory: list[ReferenceRecord] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
