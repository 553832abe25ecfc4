"""Changes of ignore rules as they travel: from what to what, and in the headers by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import orjson

from schemas.coercion import digits_as_id
from schemas.fields import decode_object, key_id

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TOKEN_DIGITS", "Changer", "RuleChange", "Way", "encode_change", "read_change"]

Way = Literal["api", "command-line"]

# Of a token's SHA-256, as `token list` shows it: enough to tell tokens apart.
TOKEN_DIGITS: Final = 16

_WAYS: Final[dict[bytes | None, Way]] = {b"api": "api", b"command-line": "command-line"}


class Changer(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed rules: by which way, and what is known of them there.

    `user_id` and `token` (the first digits of its SHA-256) are those of the token, `name` is its label, or who is
    logged in where a command ran.
    """

    via: Way
    user_id: int | None = None
    token: str | None = None
    name: str | None = None


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an academy's rules at an instant (milliseconds since 1970 UTC); `{}` is no rules.

    `before` is what was in force where the change was made, None where both together were too large to be kept.
    """

    academy: int
    at: int
    who: Changer
    before: dict[str, Any] | None
    after: dict[str, Any]


def encode_change(
    before: dict[str, Any], after: dict[str, Any], who: Changer, *, limit: int
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of a change's record, whose key is the academy; the value has `limit` bytes at most.

    That is, as long as the new rules by themselves fit.
    """
    value = orjson.dumps({"before": before, "after": after})
    if len(value) > limit:
        value = orjson.dumps({"before": None, "after": after})
    known = {"via": who.via, "principal": who.user_id, "token": who.token, "name": who.name}
    headers = [(name, str(text).encode(errors="replace")) for name, text in known.items() if text is not None]
    return value, headers


def read_change(key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]], at: int) -> RuleChange:
    """A change from its record, written at an instant in milliseconds; raises ValueError for what is none."""
    record, told = decode_object(value), dict(headers)
    before, after = record.get("before"), record.get("after")
    via = _WAYS.get(told.get("via"))
    if via is None or type(after) is not dict or type(before) not in {dict, type(None)}:
        message = "not a change of ignore rules"
        raise ValueError(message)
    who = Changer(
        via=via,
        user_id=digits_as_id(told.get("principal", b"")),
        token=_text(told.get("token")),
        name=_text(told.get("name")),
    )
    return RuleChange(academy=key_id(key), at=at, who=who, before=before, after=after)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
