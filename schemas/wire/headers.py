"""Headers of the raw topic's records: what a request said besides its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import orjson

from schemas.caches import cached
from schemas.coercion import MOST_ID, digits_as_id
from schemas.wire.traces import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "HERE",
    "HeaderError",
    "RawHeaders",
    "Source",
    "decode_headers",
    "encode_headers",
    "encode_own_headers",
    "headers_of_retry",
    "readable_headers",
]

Source = Literal["learnpack", "posthog", "staff"]

_SOURCES: Final[dict[bytes, Source]] = {b"learnpack": "learnpack", b"posthog": "posthog", b"staff": "staff"}
_FLAGS: Final = {b"0": False, b"1": True}

# Of a copy that is ordered by where it stands itself, behind history that was put before it: another copy of that one
# has the number of this place.
HERE: Final = -1
_HERE: Final = b"here"
_OF_A_PLACE: Final = frozenset({"id", "place", "retry-of"})
_LONGEST_CACHED: Final = 512


class HeaderError(ValueError):
    """A header of a raw record cannot be read or written; the text names the header and its value."""


class RawHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside a webhook's body.

    `params` are the query parameters without token and academy (None: there were none), `academy` the scope that the
    request or the gateway's configuration gave, `principal` the user id of a personal token (None: an ingest key),
    `capabilities` what that token may do there, `reports_in` the academies for whose students it may report, `id` the
    place of the original in a copied log, `place` the one that it is ordered by where that is another one (HERE: where
    it stands), `retry_of` the id of the webhook that a dead letter sent again stands for.
    `permitted` is whether the sender, as the gateway saw the directory, may write of the student that the record names
    (None: it is its own, or was not judged there).
    """

    source: Source = "learnpack"
    params: dict[str, str] | None = None
    academy: int | None = None
    principal: str | None = None
    capabilities: tuple[str, ...] = ()
    reports_in: tuple[int, ...] = ()
    permitted: bool | None = None
    receipt: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    id: int | None = None
    place: int | None = None
    retry_of: int | None = None


_NONE: Final = RawHeaders()


def _number(value: bytes) -> int:
    number = digits_as_id(value)
    if number is None:
        message = "not an id"
        raise ValueError(message)
    return number


def _digits(name: str, number: int) -> bytes:
    """An id as `_number` reads it; raises HeaderError where it could not."""
    if not 0 <= number <= MOST_ID:
        message = f"header {name} cannot be {number}, which is not an id"
        raise HeaderError(message)
    return b"%d" % number


def _place(value: bytes) -> int:
    return HERE if value == _HERE else _number(value)


# The learn.json of a course asks for the same ones again and again; what is long is somebody's own.
@cached(1024, longest=_LONGEST_CACHED)
def _params(value: bytes) -> dict[str, str] | None:
    parsed = orjson.loads(value)
    if type(parsed) is not dict or not all(type(text) is str for text in parsed.values()):
        message = "not an object of texts"
        raise ValueError(message)
    # One object for all records with these parameters; whoever merges it copies.
    return parsed or None


@cached(1024, longest=_LONGEST_CACHED)
def _capabilities(value: bytes) -> tuple[str, ...]:
    return tuple(value.decode().split(",")) if value else ()


@cached(1024, longest=_LONGEST_CACHED)
def _numbers(value: bytes) -> tuple[int, ...]:
    return tuple(map(_number, value.split(b","))) if value else ()


# Header -> (field, how its value is read).
_READERS: Final[dict[str, tuple[str, Callable[[bytes], Any]]]] = {
    "source": ("source", _SOURCES.__getitem__),
    "params": ("params", _params),
    "academy": ("academy", _number),
    "principal": ("principal", bytes.decode),
    "capabilities": ("capabilities", _capabilities),
    "reports-in": ("reports_in", _numbers),
    "permitted": ("permitted", _FLAGS.__getitem__),
    "receipt": ("receipt", bytes.decode),
    "idempotency-key": ("idempotency_key", bytes.decode),
    TRACEPARENT: ("traceparent", bytes.decode),
    "id": ("id", _number),
    "place": ("place", _place),
    "retry-of": ("retry_of", _number),
}


def decode_headers(headers: Iterable[tuple[str, bytes]]) -> RawHeaders:
    """Read the headers of one raw record.

    Unknown headers are passed over; of a repeated one the last counts. Raises HeaderError where a known one is not what
    the gateway writes.
    """
    fields: dict[str, Any] = {}
    for name, value in headers:
        reader = _READERS.get(name)
        if reader is None:
            continue
        field, read = reader
        try:
            fields[field] = read(value)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Parameters are the client's words, which no reason of a refusal repeats.
            shown = "" if name == "params" else f": {value!r:.100}"
            message = f"header {name} is not valid{shown}"
            raise HeaderError(message) from error
    return RawHeaders(**fields) if fields else _NONE


def readable_headers(headers: Iterable[tuple[str, bytes]]) -> RawHeaders:
    """What can be read of one raw record's headers, for what must go on all the same: its id, above all, is kept."""
    readable: list[tuple[str, bytes]] = []
    for header in headers:
        try:
            decode_headers([header])
        except HeaderError:
            continue
        readable.append(header)
    return decode_headers(readable)


def headers_of_retry(headers: Iterable[tuple[str, bytes]], identity: int) -> list[tuple[str, bytes]]:
    """The headers of a record that is written once more and stands for the webhook of this id.

    What a copy says of its place is not true of the new one.
    """
    kept = ((name, value) for name, value in headers if name not in _OF_A_PLACE)
    return [*kept, ("retry-of", b"%d" % identity)]


def encode_headers(headers: RawHeaders) -> list[tuple[str, bytes]]:
    """Write headers for a raw record; what is None or empty is left out.

    Raises HeaderError for an id that decode_headers would refuse.
    """
    encoded = [("source", headers.source.encode())]
    if headers.capabilities:
        encoded.append(("capabilities", ",".join(headers.capabilities).encode()))
    if headers.reports_in:
        encoded.append(("reports-in", b",".join(_digits("reports-in", academy) for academy in headers.reports_in)))
    numbers = (("academy", headers.academy), ("id", headers.id), ("retry-of", headers.retry_of))
    encoded.extend((name, _digits(name, number)) for name, number in numbers if number is not None)
    if headers.place is not None:
        encoded.append(("place", _HERE if headers.place == HERE else _digits("place", headers.place)))
    if headers.principal is not None:
        encoded.append(("principal", headers.principal.encode()))
    return [
        *encoded,
        *encode_own_headers(
            params=headers.params,
            permitted=headers.permitted,
            receipt=headers.receipt,
            idempotency_key=headers.idempotency_key,
            traceparent=headers.traceparent,
        ),
    ]


def encode_own_headers(
    *,
    params: dict[str, str] | None,
    permitted: bool | None,
    receipt: str | None,
    idempotency_key: str | None,
    traceparent: str | None,
) -> list[tuple[str, bytes]]:
    """Write those headers that differ between records of one sender, as encode_headers does.

    `traceparent` comes last: there schemas.wire.traces looks for it.
    """
    encoded: list[tuple[str, bytes]] = []
    if params:
        encoded.append(("params", orjson.dumps(params)))
    if permitted is not None:
        encoded.append(("permitted", b"1" if permitted else b"0"))
    if receipt is not None:
        encoded.append(("receipt", receipt.encode()))
    if idempotency_key is not None:
        encoded.append(("idempotency-key", idempotency_key.encode()))
    if traceparent is not None:
        encoded.append((TRACEPARENT, traceparent.encode()))
    return encoded
