"""Bodies of the table `raw` as records again, handed over whole only where that must be.

Documents are big, and what tells whose a webhook is are a few keys. ClickHouse takes those out of a body that its
reader of JSON and the worker's surely understand alike; any other one comes as it is, for the worker's code to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.wire.headers import RawHeaders, encode_headers
from streams.core.webhook import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AS_BYTES", "BODY", "BRIEF", "body_of", "headers_of", "record_of"]

# For a WITH clause over rows of `raw`; the parameter `keys` names the keys that are wanted. Not brief are notebooks'
# batches, lists and other values, keys that stand twice, marks of byte order, and numbers beyond 64 bits.
BRIEF: Final = """
    JSONExtractKeys(payload) AS body_keys,
    arrayMap(wanted -> JSONExtractRaw(payload, wanted), {keys:Array(String)}) AS body_raws,
    source != 'posthog' AND isValidJSON(payload) AND JSONType(payload) = 'Object'
        AND length(body_keys) = length(arrayDistinct(body_keys)) AND NOT startsWith(payload, unhex('EFBBBF'))
        AND NOT arrayExists(found -> match(found, '[0-9]{16}'), body_raws) AS is_brief
"""
# Two columns for `body_of`.
BODY: Final = "if(is_brief, '', payload) AS body, if(is_brief, body_raws, []) AS raws"

# The driver turns what is no UTF-8 into hexadecimal text unless it is asked for bytes.
AS_BYTES: Final = {"*String": "bytes"}


def body_of(body: bytes, raws: Sequence[bytes], keys: Sequence[str]) -> bytes:
    """The body, or an object of those of its keys that are wanted; what was empty stays empty."""
    if body or not raws:
        return body
    fields = zip(keys, raws, strict=True)
    return b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(key), raw) for key, raw in fields if raw)


def headers_of(
    source: bytes, academy: int | None, principal: int | None, params: bytes, capabilities: Sequence[str] = ()
) -> list[tuple[str, bytes]]:
    """The record's headers as far as the columns of `raw` tell them."""
    known: Any = {b"posthog": "posthog", b"staff": "staff"}.get(source, "learnpack")
    return encode_headers(
        RawHeaders(
            source=known,
            academy=academy,
            principal=None if principal is None else str(principal),
            params=orjson.loads(params or b"{}") or None,
            capabilities=tuple(capabilities),
        )
    )


def record_of(key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Record:
    """A record to read; it knows nothing of its place and time."""
    return Record(0, 0, 0, key, value, headers)
