"""The webhook log: which rows an academy may see, filtered, in pages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from schemas.lenient import loads
from schemas.webhook import merge

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.reading import ClickHouse

__all__ = ["SORTS", "Filters", "LogPage", "find_ids", "places", "read_page", "status_of"]

# What `sort` may name, with the SQL it stands for.
SORTS: Final = {
    "-created_at": "ORDER BY created_at DESC, id DESC",
    "created_at": "ORDER BY created_at, id",
    "-updated_at": "ORDER BY updated_at DESC, id DESC",
    "updated_at": "ORDER BY updated_at, id",
    "-id": "ORDER BY id DESC",
    "id": "ORDER BY id",
}

_WHERE: Final = """
WHERE (has(academy_ids, {academy:UInt64}) OR has({joined:Array(UInt64)}, student_id))
    AND (empty({students:Array(UInt64)}) OR has({students:Array(UInt64)}, student_id))
    AND (empty({events:Array(String)}) OR has({events:Array(String)}, event))
    AND (empty({assets:Array(UInt64)}) OR has({assets:Array(UInt64)}, asset_id))
    AND (empty({packages:Array(Int64)}) OR has({packages:Array(Int64)}, learnpack_package_id))
    AND (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, status))
"""

_COUNT: Final = "SELECT count() AS rows FROM webhook_log" + _WHERE  # noqa: S608 - constants only

# Without the payloads: a page's are read by id, so that sorting never carries them.
_PAGE: Final = """
SELECT id, is_streaming, event, asset_id, learnpack_package_id, status, status_text, student_id, created_at, updated_at
FROM webhook_log
"""

_PAGES: Final = {
    sort: f"{_PAGE}{_WHERE}{order} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}" for sort, order in SORTS.items()
}

_PAYLOADS: Final = "SELECT id, params, payload FROM raw FINAL WHERE id IN {ids:Array(UInt64)}"

_STATUS: Final = """
SELECT status, student_id, has(academy_ids, {academy:UInt64}) AS named FROM webhook_log WHERE id = {id:UInt64}
"""

_IDS: Final = "SELECT id FROM webhook_log" + _WHERE + "ORDER BY id LIMIT {limit:UInt32}"  # noqa: S608 - constants only

_PLACES: Final = "SELECT id, version FROM raw FINAL WHERE id IN {ids:Array(UInt64)}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of an academy are wanted; an empty filter lets all pass.

    `joined` are its members whose rows may not name it, because they came before them.
    """

    academy: int
    joined: tuple[int, ...] = ()
    students: tuple[int, ...] = ()
    events: tuple[str, ...] = ()
    assets: tuple[int, ...] = ()
    packages: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()

    def parameters(self, **more: Any) -> dict[str, Any]:
        """The filters, and more, as a query's parameters."""
        return {
            "academy": self.academy,
            "joined": list(self.joined),
            "students": list(self.students),
            "events": list(self.events),
            "assets": list(self.assets),
            "packages": list(self.packages),
            "statuses": list(self.statuses),
            **more,
        }


class LogPage(NamedTuple):
    """Rows of a page, with the merged `payload` of each, and the number of all that pass the filters."""

    total: int
    rows: list[dict[str, Any]]


async def read_page(clickhouse: ClickHouse, filters: Filters, *, sort: str, limit: int, offset: int) -> LogPage:
    """Read a page; raises ReadError."""
    counted, rows = await asyncio.gather(
        clickhouse.rows(_COUNT, filters.parameters()),
        clickhouse.rows(_PAGES[sort], filters.parameters(limit=limit, offset=offset)),
    )
    payloads = {}
    if rows:
        for row in await clickhouse.rows(_PAYLOADS, {"ids": [row["id"] for row in rows]}):
            payloads[row["id"]] = _payload(row["params"], row["payload"])
    for row in rows:
        row["payload"] = payloads.get(row["id"])
    return LogPage(counted[0]["rows"], rows)


def _payload(params: str, body: str) -> Any:
    try:
        payload = loads(body.encode()) if body else {}
        merged = merge(payload, orjson.loads(params) if params else None)
    except (ValueError, TypeError, AttributeError):
        # A dead letter's body is shown as it is.
        return body
    return merged


async def status_of(clickhouse: ClickHouse, webhook: int, academy: int, members: Collection[int]) -> str | None:
    """The status of a webhook that an academy with these members may see, None if there is none; raises ReadError."""
    rows = await clickhouse.rows(_STATUS, {"id": webhook, "academy": academy})
    return next((row["status"] for row in rows if row["named"] or row["student_id"] in members), None)


async def find_ids(clickhouse: ClickHouse, filters: Filters, limit: int) -> list[int]:
    """The lowest ids of the rows that pass; raises ReadError."""
    return [row["id"] for row in await clickhouse.rows(_IDS, filters.parameters(limit=limit))]


async def places(clickhouse: ClickHouse, webhooks: list[int]) -> dict[int, int]:
    """Where webhooks stand in the log now, which for copied ones is not their id; raises ReadError."""
    return {row["id"]: row["version"] for row in await clickhouse.rows(_PLACES, {"ids": webhooks})}
