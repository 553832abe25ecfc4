"""What a directory file would change: compared with what the topics hold, record by record (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from operations.directory_sync.belonging import moves
from schemas.reference.directory_file import ONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from operations.directory_sync.comparing import Policy
    from schemas.reference.lookup import Kind, Reference

__all__ = ["Changes", "changes_of"]


@dataclass(slots=True)
class Changes:
    """Of one kind: keys and values that are new or other ones, with the names of fields, and keys that go.

    Of those that go `missing` counts what the file does not name, of those that change `moved` what would belong to
    somebody else; `held` counts what the directory has.
    """

    kind: Kind
    new: dict[bytes, bytes] = field(default_factory=dict)
    changed: dict[bytes, bytes] = field(default_factory=dict)
    fields: dict[bytes, list[str]] = field(default_factory=dict)
    gone: list[bytes] = field(default_factory=list)
    same: int = 0
    missing: int = 0
    moved: int = 0
    held: int = 0

    def __bool__(self) -> bool:
        """Whether anything would change."""
        return bool(self.new or self.changed or self.gone)

    def records(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What has to be written, tombstones last."""
        yield from self.new.items()
        yield from self.changed.items()
        yield from ((key, None) for key in self.gone)

    def summary(self) -> str:
        """All of it in one line."""
        figures = (
            (len(self.new), "new"),
            (len(self.changed), "changed"),
            (len(self.gone), "removed"),
            (self.same, "the same"),
        )
        return f"{self.kind}: " + ", ".join(f"{count} {what}" for count, what in figures if count)

    def too_much(self, policy: Policy) -> str:
        """What of this a policy does not allow at once, in words; empty where it allows all of it."""
        words = (self.missing, "are not in the files"), (self.moved, "would belong to somebody else")
        told = [f"{count} {what}" for count, what in words if count and not policy.allows(count, self.held)]
        return f"of {self.held} {self.kind} {' and '.join(told)}" if told else ""

    def lines(self) -> Iterator[str]:
        """Each record that would change, with what changes of it."""
        one = ONE[self.kind]
        yield from (f"+ {one} {key.decode()}" for key in self.new)
        yield from (f"~ {one} {key.decode()}: {', '.join(self.fields[key])}" for key in self.changed)
        yield from (f"- {one} {key.decode()}" for key in self.gone)


def changes_of(reference: Reference, records: Iterable[tuple[Kind, bytes, bytes | None]]) -> list[Changes]:
    """What the directory lacks of a file's records, and what it holds beyond them, by kind.

    Only of kinds of which the file has a record: an export that has none of one does not mean that all of it are gone.
    A kind of which it has nothing but records to delete loses those, and no others.
    """
    wanted: dict[Kind, dict[bytes, bytes | None]] = {}
    for kind, key, value in records:
        wanted.setdefault(kind, {})[key] = value
    return [_of_kind(kind, dict(reference.records(kind)), there) for kind, there in wanted.items()]


def _of_kind(kind: Kind, held: dict[bytes, bytes], wanted: dict[bytes, bytes | None]) -> Changes:
    changes = Changes(kind, held=len(held))
    for key, value in wanted.items():
        if value is None:
            continue
        before = held.get(key)
        if before is None:
            changes.new[key] = value
        elif names := _differing(before, value):
            changes.changed[key] = value
            changes.fields[key] = names
            changes.moved += moves(kind, key, before, value)
        else:
            changes.same += 1
    whole = any(value is not None for value in wanted.values())
    changes.gone = sorted((key for key in held if wanted.get(key) is None and (whole or key in wanted)), key=int)
    changes.missing = sum(1 for key in changes.gone if key not in wanted)
    return changes


def _differing(before: bytes, after: bytes) -> list[str]:
    """The names of fields that are not the same, whatever the order and the spacing of both."""
    if before == after:
        return []
    absent = object()
    try:
        old, new = _decoded(before), _decoded(after)
        return [name for name in {**old, **new} if old.get(name, absent) != new.get(name, absent)]
    except (msgspec.DecodeError, RecursionError):
        # Nested too deep, or with halves of characters: written as the file has it.
        return ["all of it"]


def _decoded(value: bytes) -> dict[str, Any]:
    # As exact as they are written: orjson makes a float of a number that does not fit 64 bits.
    decoded: dict[str, Any] = msgspec.json.decode(value)
    return decoded
