"""Bodies of PostHog's clients: unwrapped, read, and taken apart by student, without the project key.

Python's clients send JSON, gzipped or not, posthog-js gzips as `text/plain`, and sends forms with base64 under `data`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from gateway.errors import ApiError
from gateway.ingest.json_bodies import parse_json
from gateway.ingest.unpacking import decompress
from schemas.wire.notebook import REQUEST_FIELDS, distinct_id, distinct_key, events_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.lenient import Mending

__all__ = ["MAX_EVENTS", "StudentRecord", "keys_in", "read_events", "split", "take_key", "unwrap"]

# PostHog's clients send a hundred.
MAX_EVENTS: Final = 10_000

_GZIP_MAGIC: Final = b"\x1f\x8b"

# base64 within a form within gzip is the most that has been seen.
_MOST_LAYERS: Final = 4
_MOST_FIELDS: Final = 100

_KEY_NAMES: Final = ("api_key", "token", "$token")

# Shorter ones would be found in texts that have nothing to do with them.
_SHORTEST_SECRET: Final = 8


_API_KEY: Final = re.compile(rb'"api_key"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]{1,256})"')
_TOKEN: Final = re.compile(rb'"\$?token"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]{1,256})"')
_MOST_KEYS: Final = 16


class StudentRecord(NamedTuple):
    """What a request holds of one student, as a record of the raw topic: its key, its value, and the distinct id."""

    key: bytes
    value: bytes
    whose: str | None


def unwrap(body: bytes, limit: int, compression: str | None = None) -> bytes:
    """The JSON in a body, told by what it looks like and not by what the request says of it.

    `compression` is what the query says, for the refusal of one that cannot be read. Raises ApiError: 413 above `limit`
    bytes, 400 for what has no JSON inside.
    """
    for _ in range(_MOST_LAYERS):
        if body.startswith(_GZIP_MAGIC):
            body = decompress(body, b"gzip", limit)
            continue
        body = body.strip()
        if body[:1] in (b"{", b"["):
            return body
        if compression == "lz64":
            raise ApiError("invalid-json.lz64")
        body = _form_data(body) if body.startswith(b"data=") or b"&data=" in body[:1024] else _decoded(body)
    raise ApiError("invalid-json")


def _form_data(body: bytes) -> bytes:
    fields = body.split(b"&", _MOST_FIELDS)
    if b"compression=lz64" in fields:
        raise ApiError("invalid-json.lz64")
    data = next((field for field in reversed(fields) if field.startswith(b"data=")), None)
    if data is None or len(fields) > _MOST_FIELDS:
        raise ApiError("invalid-json")
    # Quoted-printable is the same with another sign, and its decoder needs no object for each byte.
    quoted = data[len(b"data=") :].replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")
    return binascii.a2b_qp(quoted)


def _decoded(body: bytes) -> bytes:
    # A form that was not percent-encoded has lost its pluses, and some clients leave the padding out.
    text = body.replace(b" ", b"+")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ApiError("invalid-json") from None


def read_events(text: bytes, mended: Callable[[Mending], None]) -> dict[str, Any]:
    """The JSON of a request as an object, as parse_json reads it; a bare list becomes its `batch`.

    Raises ApiError 400.
    """
    parsed = parse_json(text, mended)
    if type(parsed) is list:
        parsed = {"batch": parsed}
    if type(parsed) is not dict or not ("event" in parsed or parsed.get("batch")) or not (events := events_of(parsed)):
        raise ApiError("invalid-capture")
    if len(events) > MAX_EVENTS:
        raise ApiError("too-many-values", limit=MAX_EVENTS)
    return parsed


def keys_in(text: bytes) -> list[str]:
    """What may be the project key of a request, found without reading the rest of it; the likeliest first.

    So that nothing is taken apart for whoever has no key. Clients write keys plainly, at the beginning, at the end, or
    in each event.
    """
    last = text.rfind(b'"api_key"')
    matches = [*islice(_API_KEY.finditer(text), _MOST_KEYS), *islice(_TOKEN.finditer(text), _MOST_KEYS)]
    if last >= 0 and (match := _API_KEY.match(text, last)) is not None:
        matches.insert(0, match)
    return list(dict.fromkeys(match[1].decode() for match in matches))


def take_key(request: dict[str, Any]) -> str | None:
    """Remove the project key from a request, wherever its clients put it; the key, None where there is none.

    Raises ApiError 400 where events bring different ones.
    """
    keys = _pop_keys(request)
    events = [event for event in events_of(request) if type(event) is dict]
    keys_of_events = {key for event in events if (key := _pop_keys(event) or _property_key(event)) is not None}
    if keys is None and len(keys_of_events) > 1:
        raise ApiError("several-keys")
    key = keys or next(iter(keys_of_events), None)
    for event in events:
        properties = event.get("properties")
        if type(properties) is dict and properties.get("token") == key:
            properties.pop("token", None)
    return key


def _pop_keys(holder: dict[str, Any]) -> str | None:
    values = [holder.pop(name, None) for name in _KEY_NAMES]
    return next((value for value in values if type(value) is str and value), None)


def _property_key(event: dict[str, Any]) -> str | None:
    properties = event.get("properties")
    value = properties.get("token") if type(properties) is dict else None
    return value if type(value) is str and value else None


def split(request: dict[str, Any], secret: str | None) -> list[StudentRecord]:
    """The request by student, each one's events in their order; `secret` is blotted out wherever it still stands."""
    if "batch" not in request:
        whose = distinct_id(request)
        return [StudentRecord(distinct_key(whose), _written(request, secret), whose)]
    kept = {name: request[name] for name in REQUEST_FIELDS if _is_plain(request.get(name))}
    events: dict[str | None, list[Any]] = {}
    for event in events_of(request):
        events.setdefault(distinct_id(event), []).append(event)
    return [
        StudentRecord(distinct_key(whose), _written({**kept, "batch": batch}, secret), whose)
        for whose, batch in events.items()
    ]


def _is_plain(value: Any) -> bool:
    # Each record repeats these, so a long one would multiply.
    return type(value) in (int, float, bool) or (type(value) is str and len(value) <= 64)  # noqa: PLR2004 - a time


def _written(value: dict[str, Any], secret: str | None) -> bytes:
    written = orjson.dumps(value)
    if secret is None or len(secret) < _SHORTEST_SECRET:
        return written
    return written.replace(orjson.dumps(secret)[1:-1], b"***")
