"""What the directory topics hold of some kinds, as bytes by key, and what a row of the LMS makes of it."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from schemas.reference.directory import LARGEST_RECORD
from schemas.reference.directory_file import MODELS
from schemas.reference.revoking import is_mark
from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.reference.lookup import Kind

__all__ = ["Held", "is_as_old", "merged"]

# Tokens that a query has seen have it: only those end with the LMS's, and no others that were made here.
_SYNCED: Final = "synced"

# What package events write of an asset (docs/semantics.md, "Package events"): an LMS that knows of none takes nothing
# away with its null.
_PUBLISHED: Final = ("learnpack_id", "learnpack_deploy_url", "manifest", "config")

# Keys that a row of PostgreSQL can have: its largest number, and a token's digest.
_ID: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_LARGEST_ID: Final = (1 << 63) - 1
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")

# msgspec says so of what is no JSON, no UTF-8 and nested too deep.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Held:
    """A view for `streams.views.ReferenceFollower` that keeps the records of some kinds, whatever is in them."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._records: dict[str, dict[bytes, bytes]] = {kind: {} for kind in kinds}
        self._changes: dict[str, set[bytes]] = {}

    def apply(self, kind: Kind, key: bytes, value: bytes | None) -> None:
        """Take a record in; None is a tombstone. Records of other kinds are passed over."""
        records = self._records.get(kind)
        if records is None:
            return
        if kind in self._changes:
            self._changes[kind].add(key)
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value

    def changes(self, kind: Kind) -> set[bytes]:
        """The keys of a kind that change from now on, until this is asked anew; it grows as they do."""
        changes: set[bytes] = set()
        self._changes[kind] = changes
        return changes

    def value(self, kind: Kind, key: bytes) -> bytes | None:
        """The record under a key, None if there is none."""
        return self._records[kind].get(key)

    def ours(self, kind: Kind) -> set[bytes]:
        """The keys of what the LMS is to know: all of a kind, but of tokens those alone that came from there.

        A key that no row can have is none of them, and nobody reads its record.
        """
        records = self._records[kind]
        if kind != "tokens":
            return {key for key in records if _ID.fullmatch(key) and int(key) <= _LARGEST_ID}
        return {
            key for key, value in records.items() if _DIGEST.fullmatch(key) and _decoded(value).get(_SYNCED) is True
        }

    def over(self, kind: Kind, now: int) -> set[bytes]:
        """The keys of tokens that ended by themselves before an instant (microseconds), or were revoked here.

        Nothing is lost with them, however many they are; of other kinds there are none.
        """
        if kind != "tokens":
            return set()
        ends = ((key, parse_time(_decoded(value).get("expires_at"))) for key, value in self._records[kind].items())
        return {key for key, end in ends if end is not None and end <= now}


def is_as_old(kind: Kind, held: bytes, updated_at: str | None) -> bool:
    """Whether a record says that it was changed when the LMS says so, in whichever form either writes times.

    A token that is not marked as the LMS's is not; one that was revoked here is, whatever the LMS says.
    """
    record = _decoded(held)
    if kind == "tokens" and (is_mark(record) or record.get(_SYNCED) is not True):
        return is_mark(record)
    said = record.get("updated_at")
    if said is None or updated_at is None:
        return False
    if said == updated_at:
        return True
    instant = parse_time(updated_at)
    return instant is not None and instant == parse_time(said)


def merged(kind: Kind, key: bytes, held: bytes | None, row: str) -> bytes | None:
    """The record that a row makes of what is held, None where that says the same already.

    It is the row, with the fields of the record that the row does not have, and of an asset what package events have
    written where the row has null. A token is marked as the LMS's, whoever has made it; one that was revoked here stays
    so. Raises ValueError, with one line that names the field, for a row that is no record.
    """
    if held is not None and kind == "tokens" and is_mark(_decoded(held)):
        return None
    value = row.encode()
    if len(value) > LARGEST_RECORD:
        message = f"it is larger than {LARGEST_RECORD} bytes"
        raise ValueError(message)
    try:
        value = MODELS[kind].parse(key, _with_kept(kind, held, value)).value
    except _UNREADABLE as error:
        message = "it is nested too deep, or not JSON"
        raise ValueError(message) from error
    if len(value) > LARGEST_RECORD:
        message = f"it is larger than {LARGEST_RECORD} bytes, with the fields that others wrote"
        raise ValueError(message)
    return None if held is not None and _same(held, value) else value


def _with_kept(kind: Kind, held: bytes | None, value: bytes) -> bytes:
    before: dict[str, msgspec.Raw] = {}
    if held is not None:
        with contextlib.suppress(*_UNREADABLE):
            before = _RAW.decode(held)
    if kind != "tokens" and not before:
        return value
    row = _RAW.decode(value)
    kept = {name: raw for name, raw in before.items() if name not in row}
    if kind == "assets":
        kept |= {name: before[name] for name in _PUBLISHED if name in before and bytes(row.get(name, b"")) == b"null"}
    elif kind == "tokens":
        kept[_SYNCED] = msgspec.Raw(b"true")
    return msgspec.json.encode({**row, **kept}) if kept else value


def _same(held: bytes, value: bytes) -> bool:
    # As exact as they are written: orjson makes a float of a number that does not fit 64 bits.
    try:
        return held == value or bool(msgspec.json.decode(held) == msgspec.json.decode(value))
    except _UNREADABLE:
        return False


def _decoded(value: bytes) -> dict[str, Any]:
    try:
        decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return decoded if type(decoded) is dict else {}
