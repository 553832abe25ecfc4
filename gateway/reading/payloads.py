"""What webhooks said, as pages show it: with its parameters laid over it, and within bounds of bytes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.errors import ApiError
from gateway.ingest.json_bodies import parse_json
from gateway.reading.members import join, members
from schemas.lenient import loads
from schemas.redaction import redacted
from schemas.wire.webhook import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.reading.store import ClickHouse, Reader

__all__ = ["PAGE_BYTES", "PAYLOAD_BYTES", "fitting", "payload_json", "read_payloads", "shown_payload", "shown_sizes"]

# The payloads of one page. All real documents that are known fit into one; what does not is on the next.
PAGE_BYTES: Final = 8 << 20

# A longer payload is shown by its beginning, wherever there may be several; no real document is as long.
PAYLOAD_BYTES: Final = 1 << 20

_BEGINNING_BYTES: Final = 2_000

_SIZES: Final = """
SELECT id, length(payload) AS bytes, length(params) AS more FROM raw FINAL WHERE id IN {ids:Array(UInt64)}
"""

_PAYLOADS: Final = """
SELECT id, params, length(payload) AS bytes,
    if(length(payload) > {longest:UInt64}, substring(payload, 1, {beginning:UInt64}), payload) AS shown
FROM raw FINAL WHERE id IN {ids:Array(UInt64)}
"""


def fitting(sizes: Sequence[int], most: int = PAGE_BYTES) -> int:
    """How many of these sizes, from the first on, make no more than `most` bytes; one at least, where there is one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if count and total > most:
            return count
    return len(sizes)


async def shown_sizes(clickhouse: Reader, ids: Sequence[int], *, whole: bool = False) -> list[int]:
    """The bytes of these webhooks' payloads as they are shown, cut or `whole`; raises ReadError."""
    if not ids:
        return []
    sizes_by_id = {row["id"]: row for row in await clickhouse.rows(_SIZES, {"ids": list(ids)})}
    sizes = []
    for number in ids:
        body_bytes, more = (
            (sizes_by_id[number]["bytes"], sizes_by_id[number]["more"]) if number in sizes_by_id else (0, 0)
        )
        sizes.append(more + (body_bytes if whole or body_bytes <= PAYLOAD_BYTES else _BEGINNING_BYTES))
    return sizes


async def read_payloads(
    clickhouse: ClickHouse,
    ids: Sequence[int],
    address: Callable[[int], str] | None,
    redact: frozenset[str] = frozenset(),
) -> dict[int, orjson.Fragment]:
    """The payloads of webhooks as JSON, by id; raises ReadError.

    Those above PAYLOAD_BYTES are cut: `{"truncated": {"bytes", "beginning", "url"}}` with the parameters beside it,
    `url` being what `address` gives for the id. Without `address` all are whole. The keys that `redact` names are left
    out; so is a beginning, and what cannot be read, for nobody knows which keys their texts belong to.
    """
    parameters = {
        "ids": list(ids),
        "longest": (1 << 63) if address is None else PAYLOAD_BYTES,
        "beginning": _BEGINNING_BYTES,
    }
    rows = await clickhouse.rows(_PAYLOADS, parameters, as_bytes=("params", "shown"))
    return await asyncio.to_thread(
        lambda: {row["id"]: orjson.Fragment(payload_json(row, address, redact)) for row in rows}
    )


def payload_json(row: dict[str, Any], address: Callable[[int], str] | None, redact: frozenset[str]) -> bytes:
    """The payload of a row with `id`, `params`, `bytes` and `shown`, which it loses, as in `read_payloads`."""
    params = redacted(orjson.loads(row["params"]), redact) if row["params"] else None
    # The row's own bytes are not needed once they are read: a page of them is large.
    body: bytes = row.pop("shown")
    if address is None or row["bytes"] <= PAYLOAD_BYTES:
        return _without(body, params, redact) if redact else shown_payload(body, params)
    beginning = "" if redact else body.decode("utf-8", "ignore")
    mark = {"bytes": row["bytes"], "beginning": beginning, "url": address(row["id"])}
    return orjson.dumps({**merge({}, params), "truncated": mark})


def _without(body: bytes, params: dict[str, str] | None, redact: frozenset[str]) -> bytes:
    try:
        parsed = parse_json(body, lambda _: None) if body else {}
    except ApiError:
        return b'""'
    return orjson.dumps(merge(redacted(parsed, redact), params)) if type(parsed) is dict else b'""'


def shown_payload(body: bytes, params: dict[str, str] | None) -> bytes:
    """A body with its parameters over it, as JSON; a body that cannot be read, a dead letter's, as a text."""
    if (body_members := members(body)) is not None:
        return join(merge(body_members, params)) if params else body
    try:
        return orjson.dumps(merge(loads(body) if body else {}, params))
    except (ValueError, TypeError, AttributeError):
        return orjson.dumps(body.decode("utf-8", "replace"))
