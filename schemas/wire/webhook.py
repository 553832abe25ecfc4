"""What a webhook is before anything is looked up: the merged payload, whose it is, its id and its kind.

docs/semantics.md, "Payload", "Ids and order" and "Students".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.coercion import as_id, as_integer
from schemas.wire.headers import HERE
from schemas.wire.place import place_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.wire.headers import RawHeaders

__all__ = [
    "ANONYMOUS",
    "MAX_KEY_BYTES",
    "NEVER_MERGED",
    "academy_of",
    "actor",
    "event",
    "is_streaming",
    "learnpack_package_id",
    "log_place",
    "merge",
    "normal_user_id",
    "package_slug",
    "record_key",
    "student_key",
    "webhook_id",
]

# The actor of a run of nobody is this and its telemetry_id.
ANONYMOUS: Final = "telemetry:"

# What programs write where they know no user; taken for one, it would be one student in place of many.
_NOBODY: Final = frozenset(
    {"undefined", "null", "none", "nil", "nan", "true", "false", "[object object]", "{}", "[]", '""', "''"}
    | {"(null)", "<null>", "[null]", "n/a", "-", "unknown", "nobody", "not_authenticated"}
    | {"anonymous", "anonymous_user", "anonymoususer", "anon", "guest", "guest_user", "visitor"}
    # Names of the field itself, and the UUID of nothing.
    | {"user_id", "userid", "distinct_id", "distinctid", "id", "email", "00000000-0000-0000-0000-000000000000"}
)
_NO_USER: Final = re.compile(r"-[0-9]+(\.0*)?")

# A credential and a scope: they say who asks and where, not what happened.
NEVER_MERGED: Final = frozenset({"token", "academy"})

# A key only has to be the same for the same student; what a client invents must not outgrow a record.
MAX_KEY_BYTES: Final = 256

_EXACT_FLOAT: Final = float(1 << 53)


def merge(body: dict[str, Any], params: Mapping[str, str] | None) -> dict[str, Any]:
    """The payload: the body with the query parameters over it, `token` and `academy` left out.

    Returns `body` itself where there is nothing to merge; never changes it.
    """
    if not params:
        return body
    return body | {name: value for name, value in params.items() if name not in NEVER_MERGED}


def _text(value: Any) -> str:
    return value if type(value) is str else orjson.dumps(value).decode()


def normal_user_id(value: Any) -> str | None:
    """A payload's `user_id` as text, or None where it names nobody.

    That is where it is missing, null or blank, a word for nobody, or a number below 1, which programs write for none.
    Digits are normalised, so 1234, 1234.0, "1234" and " 01234 " are one user. Anything else stays what it is (text
    trimmed, other JSON as compact text): an unknown user in a strict directory, a pseudonym's owner in an open one.
    """
    if type(value) is int:
        return str(value) if value > 0 else None
    if value is None:
        return None
    if type(value) is float and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return str(int(value)) if value > 0 else None
    text = _text(value).strip()
    if text.isdigit() and text.isascii():
        return text.lstrip("0") or None
    return None if not text or text.casefold() in _NOBODY or _NO_USER.fullmatch(text) else text


def _telemetry_actor(payload: Mapping[str, Any]) -> str | None:
    telemetry_id = payload.get("telemetry_id")
    if telemetry_id is None:
        return None
    text = _text(telemetry_id).strip()
    return f"{ANONYMOUS}{text}" if text else None


def actor(payload: Mapping[str, Any], principal: str | None) -> str | None:
    """Whose webhook a merged payload is: its user, else the personal token's, else `telemetry:<id>`, else None."""
    return normal_user_id(payload.get("user_id")) or principal or _telemetry_actor(payload)


def record_key(whose: str) -> bytes:
    """The raw record's key for an actor, or whatever stands for nobody."""
    return whose.encode("utf-8", "replace")[:MAX_KEY_BYTES]


def student_key(payload: Mapping[str, Any], principal: str | None) -> bytes:
    """The raw record's key: the actor, or the asset where a merged payload names nobody.

    Everything about one student has one key, so it is in one partition and in order.
    """
    whose = actor(payload, principal)
    if whose is None:
        asset = payload.get("asset_id") or payload.get("package_slug") or payload.get("slug") or ""
        whose = f"asset:{_text(asset)}"
    return record_key(whose)


def webhook_id(partition: int, offset: int, headers: RawHeaders) -> int:
    """A webhook's id: its place in the log, unless the record is a retry, which keeps the first one's.

    A copy of a record has the id of its original.
    """
    if headers.retry_of is not None:
        return headers.retry_of
    return headers.id if headers.id is not None else place_at(partition, offset)


def log_place(partition: int, offset: int, headers: RawHeaders) -> int:
    """Where a record stands in the log, by which its effects are ordered: a copy stands where its original did.

    Unless it was copied behind history, which came later into the log than the original.
    """
    if headers.place is not None:
        return place_at(partition, offset) if headers.place == HERE else headers.place
    return headers.id if headers.id is not None else place_at(partition, offset)


def academy_of(header_academy: int | None, payload: Mapping[str, Any]) -> int | None:
    """The academy scope: the request's, else the document's own `academy_id` where that is digits, else None."""
    return header_academy if header_academy is not None else as_id(payload.get("academy_id"))


def is_streaming(payload: Mapping[str, Any]) -> bool:
    """Whether a merged payload is a streamed event: it has the key `event`, whatever that holds."""
    return "event" in payload


def event(payload: Mapping[str, Any]) -> str:
    """A merged payload's event: `batch` without the key, an empty text for null."""
    if "event" not in payload:
        return "batch"
    value = payload["event"]
    return "" if value is None else _text(value)


def package_slug(payload: Mapping[str, Any]) -> str | None:
    """`package_slug`, else `slug`, as text; None where neither says anything."""
    value = payload.get("package_slug") or payload.get("slug")
    return _text(value) if value else None


def learnpack_package_id(payload: Mapping[str, Any]) -> int | None:
    """`package_id` as an integer of 64 bits, or None where it is none."""
    return as_integer(payload.get("package_id"))
