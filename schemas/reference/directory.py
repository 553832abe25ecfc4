"""What the LMS tells of its world: assets, users, tasks, academies and tokens, as the directory topics carry them.

Parsing is lenient (digit strings for ids, null for what is empty) and keeps what it does not know: `value` of a record
is its JSON, and is what a caller gets back. Every `parse` raises ValueError with one line that names the field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.coercion import as_id
from schemas.fields import (
    decode_object,
    encode_object,
    flag,
    linked_id,
    linked_ids,
    list_of_texts,
    numbered,
    optional_id,
    optional_text,
    required_id,
    required_text,
    texts_by_name,
)
from schemas.time_zones import time_zone
from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

__all__ = ["LARGEST_RECORD", "Academy", "Asset", "Task", "Token", "User"]

# Bytes of a record: every process holds all of them in memory, and each has to fit into a message.
LARGEST_RECORD: Final = 1 << 20

_SHA256_DIGITS: Final = frozenset(b"0123456789abcdef")
_SHA256_LENGTH: Final = 64


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a directory topic, keyed by its id."""

    id: int
    value: bytes

    @property
    def key(self) -> bytes:
        """The record's key on its topic."""
        return b"%d" % self.id

    def fields(self) -> dict[str, Any]:
        """All fields of the record, those that this system does not know among them."""
        return decode_object(self.value)


class Asset(_Record, frozen=True, kw_only=True):
    """A tutorial in one language; `translations` maps languages to slugs of the same tutorial, its own perhaps too."""

    slug: str
    title: str | None = None
    lang: str | None = None
    asset_type: str | None = None
    graded: bool = False
    learnpack_id: int | None = None
    aliases: tuple[str, ...] = ()
    translations: dict[str, str] = {}
    academy: int | None = None

    @classmethod
    def parse(cls, key: bytes, value: bytes) -> Asset:
        """Read a record of the assets topic."""
        number, record, value = numbered(key, value)
        return cls(
            id=number,
            value=value,
            slug=required_text(record, "slug"),
            title=optional_text(record, "title"),
            lang=optional_text(record, "lang"),
            asset_type=optional_text(record, "asset_type"),
            graded=flag(record, "graded"),
            learnpack_id=optional_id(record, "learnpack_id"),
            aliases=list_of_texts(record, "aliases"),
            translations=texts_by_name(record, "translations"),
            academy=linked_id(record, "academy"),
        )

    @property
    def english(self) -> bool:
        """Whether its language is English, which the LMS calls `us` as well as `en`."""
        return (self.lang or "").strip().lower() in ("en", "us")

    def updated(self, changes: Mapping[str, Any]) -> Asset:
        """This asset with some fields changed and all others kept; raises ValueError for what an asset cannot hold."""
        return Asset.parse(self.key, encode_object({**self.fields(), **changes}))


class User(_Record, frozen=True, kw_only=True):
    """A person; `academies` are the ids of those it is a member of, `notebook_names` how it signs in notebooks."""

    first_name: str | None = None
    last_name: str | None = None
    academies: tuple[int, ...] = ()
    notebook_names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, key: bytes, value: bytes) -> User:
        """Read a record of the users topic."""
        number, record, value = numbered(key, value)
        return cls(
            id=number,
            value=value,
            first_name=optional_text(record, "first_name"),
            last_name=optional_text(record, "last_name"),
            academies=linked_ids(record, "academies"),
            notebook_names=list_of_texts(record, "notebook_names"),
        )


class Task(_Record, frozen=True, kw_only=True):
    """What a student has to do for one asset; statuses are the LMS's words (DONE, APPROVED…)."""

    user_id: int
    associated_slug: str | None = None
    title: str | None = None
    task_type: str | None = None
    task_status: str | None = None
    revision_status: str | None = None

    @classmethod
    def parse(cls, key: bytes, value: bytes) -> Task:
        """Read a record of the tasks topic."""
        number, record, value = numbered(key, value)
        return cls(
            id=number,
            value=value,
            user_id=required_id(record, "user_id"),
            associated_slug=optional_text(record, "associated_slug"),
            title=optional_text(record, "title"),
            task_type=optional_text(record, "task_type"),
            task_status=optional_text(record, "task_status"),
            revision_status=optional_text(record, "revision_status"),
        )


class Academy(_Record, frozen=True, kw_only=True):
    """An academy; `timezone` is the IANA name of the zone in which its staff read times, None where that is blank."""

    timezone: str | None = None

    @classmethod
    def parse(cls, key: bytes, value: bytes) -> Academy:
        """Read a record of the academies topic."""
        number, record, value = numbered(key, value)
        # Forms write a blank where nobody has entered one.
        name = (optional_text(record, "timezone") or "").strip() or None
        if name is not None:
            time_zone(name)
        return cls(id=number, value=value, timezone=name)

    @property
    def zone(self) -> tzinfo:
        """The zone in which times are shown to its staff: UTC where it names none."""
        return time_zone(self.timezone or "UTC")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A personal token or an ingest key, known by the SHA-256 (lower-case hex) of its secret only.

    `academies` maps academy ids to capabilities; times are microseconds since 1970 UTC, None for `never` and unknown.
    An ingest key has no user. `synced` is whether `directory sync` has seen it in the LMS; a `revoked` one is no token.
    """

    sha256: str
    value: bytes
    user_id: int | None = None
    academies: dict[int, frozenset[str]] = {}
    ingest: bool = False
    expires_at: int | None = None
    created_at: int | None = None
    label: str | None = None
    synced: bool = False
    revoked: bool = False

    @staticmethod
    def checked_key(key: bytes) -> bytes:
        """The key, if it can be a token's; what is none is not repeated in the ValueError: it may be a secret."""
        if len(key) != _SHA256_LENGTH or not _SHA256_DIGITS.issuperset(key):
            message = "the key is not a SHA-256 in lower-case hexadecimal"
            raise ValueError(message)
        return key

    @classmethod
    def parse(cls, key: bytes, value: bytes) -> Token:
        """Read a record of the tokens topic."""
        sha256 = cls.checked_key(key).decode()
        record = decode_object(value)
        token = cls(
            sha256=sha256,
            value=value,
            user_id=optional_id(record, "user_id"),
            academies=_capabilities(record),
            ingest=flag(record, "ingest"),
            expires_at=_instant(record, "expires_at"),
            created_at=_instant(record, "created_at"),
            label=optional_text(record, "label"),
            synced=record.get("synced") is True,
            revoked=flag(record, "revoked"),
        )
        if token.ingest and token.user_id is not None:
            message = "`user_id` must be null for an ingest key, which everybody may read"
            raise ValueError(message)
        if not token.ingest and token.user_id is None:
            message = "`user_id` must be an id, unless `ingest` is true"
            raise ValueError(message)
        return token

    def expired(self, now: int) -> bool:
        """Whether it is no longer valid at an instant (microseconds since 1970 UTC)."""
        return self.expires_at is not None and self.expires_at <= now

    def capabilities(self, academy: int | None) -> frozenset[str]:
        """What it may do in an academy; without an academy, what it may do in any."""
        if academy is None:
            return frozenset().union(*self.academies.values())
        return self.academies.get(academy, frozenset())

    def academies_with(self, capability: str) -> frozenset[int]:
        """The academies in which it has a capability."""
        return frozenset(academy for academy, names in self.academies.items() if capability in names)


def _capabilities(record: dict[str, Any]) -> dict[int, frozenset[str]]:
    academies = record.get("academies")
    if academies is None:
        return {}
    if type(academies) is not dict:
        message = "`academies` must be an object of capability lists by academy id"
        raise ValueError(message)
    granted = {}
    for name in academies:
        academy = as_id(name)
        if academy is None:
            message = f"`academies.{name}` is not an academy id"
            raise ValueError(message)
        try:
            granted[academy] = frozenset(list_of_texts(academies, name))
        except ValueError as error:
            message = f"`academies`: {error}"
            raise ValueError(message) from error
    return granted


def _instant(record: dict[str, Any], name: str) -> int | None:
    value = record.get(name)
    instant = parse_time(value)
    if value is not None and instant is None:
        # An expiry that cannot be read must not become a token that never expires.
        message = f"`{name}` must be a time (ISO 8601 or milliseconds), not {value!r:.60}"
        raise ValueError(message)
    return instant
