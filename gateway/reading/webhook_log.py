"""The webhook log: which rows an academy may see, filtered, in pages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.reading.payloads import fitting, read_payloads, shown_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from gateway.reading.store import ClickHouse, Reader

__all__ = [
    "SORTS",
    "Filters",
    "LogPage",
    "add_payloads",
    "find_ids",
    "places",
    "read_newest",
    "read_page",
    "read_row",
    "status_of",
]

# What `sort` may name, with the SQL it stands for.
_NEWEST: Final = "-created_at"
SORTS: Final = {
    _NEWEST: "ORDER BY created_at DESC, id DESC",
    "created_at": "ORDER BY created_at, id",
    "-updated_at": "ORDER BY updated_at DESC, id DESC",
    "updated_at": "ORDER BY updated_at, id",
    "-id": "ORDER BY id DESC",
    "id": "ORDER BY id",
}

_WHERE: Final = """
WHERE ({everyones:UInt8} = 1 OR has(academy_ids, {academy:UInt64}) OR has({joined:Array(UInt64)}, student_id))
    AND (empty({students:Array(UInt64)}) OR has({students:Array(UInt64)}, student_id))
    AND (empty({events:Array(String)}) OR has({events:Array(String)}, event))
    AND (empty({assets:Array(UInt64)}) OR has({assets:Array(UInt64)}, asset_id))
    AND (empty({packages:Array(Int64)}) OR has({packages:Array(Int64)}, learnpack_package_id))
    AND (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, status))
"""

_COUNT: Final = "SELECT count() AS rows FROM webhook_log" + _WHERE  # noqa: S608 - constants only

# Without the payloads: a page's are read by id, so that sorting never carries them. Clients' texts may be long.
_PAGE: Final = """
SELECT id, is_streaming, leftUTF8(event, 200) AS shown_event, asset_id, learnpack_package_id, status,
    leftUTF8(status_text, 2000) AS shown_text, student_id, created_at, updated_at
FROM webhook_log
"""

_PAGES: Final = {
    sort: f"{_PAGE}{_WHERE}{order} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}" for sort, order in SORTS.items()
}

_STATUS: Final = """
SELECT status, student_id, has(academy_ids, {academy:UInt64}) AS named FROM webhook_log WHERE id = {id:UInt64}
"""

_ROW: Final = _PAGE + "WHERE id = {id:UInt64}"

_IDS: Final = "SELECT id FROM webhook_log" + _WHERE + "ORDER BY id LIMIT {limit:UInt32}"  # noqa: S608 - constants only

_PLACES: Final = "SELECT id, version FROM raw FINAL WHERE id IN {ids:Array(UInt64)}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of an academy are wanted; an empty filter lets all pass.

    `joined` are its members whose rows may not name it, because they came before them. With `everyones`, which is for
    operators, the rows of all academies and of none are wanted.
    """

    academy: int
    joined: tuple[int, ...] = ()
    students: tuple[int, ...] = ()
    events: tuple[str, ...] = ()
    assets: tuple[int, ...] = ()
    packages: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    everyones: bool = False

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
            "everyones": int(self.everyones),
            **more,
        }


class LogPage(NamedTuple):
    """Rows of a page, the number of all that pass the filters, and the bytes of the rows' payloads.

    `before` is where the page begins that ends with the row before this page's first; None on the first page.
    """

    total: int
    rows: list[dict[str, Any]]
    bytes: int
    before: int | None = None


async def read_page(clickhouse: ClickHouse, filters: Filters, *, sort: str, limit: int, offset: int) -> LogPage:
    """Read a page's rows, which get their payloads by `add_payloads`; raises ReadError.

    It ends before `limit` where those would be more than gateway.reading.payloads.PAGE_BYTES.
    """
    # With the rows of the page before, which may be shorter than `limit` as well.
    back = min(limit, offset)
    counted, rows = await asyncio.gather(
        clickhouse.rows(_COUNT, filters.parameters()),
        clickhouse.rows(_PAGES[sort], filters.parameters(limit=back + limit, offset=offset - back)),
    )
    sizes = await shown_sizes(clickhouse, [row["id"] for row in rows])
    earlier, sizes = sizes[:back], sizes[back:]
    end = fitting(sizes)
    before = None if not back else offset - (fitting(earlier[::-1]) if len(earlier) == back else back)
    return LogPage(counted[0]["rows"], rows[back : back + end], sum(sizes[:end]), before)


async def read_newest(clickhouse: Reader, filters: Filters, limit: int) -> list[dict[str, Any]]:
    """So many of the newest rows, the newest first, without payloads; raises ReadError."""
    return await clickhouse.rows(_PAGES[_NEWEST], filters.parameters(limit=limit, offset=0))


async def read_row(clickhouse: ClickHouse, webhook: int) -> LogPage:
    """One webhook as a page, which is empty if there is none of that id; raises ReadError."""
    rows = await clickhouse.rows(_ROW, {"id": webhook})
    return LogPage(len(rows), rows[:1], sum(await shown_sizes(clickhouse, [webhook], whole=True)))


async def add_payloads(
    clickhouse: ClickHouse,
    page: LogPage,
    address: Callable[[int], str] | None = None,
    *,
    redact: frozenset[str] = frozenset(),
) -> None:
    """Set each row's merged `payload`, as JSON; raises ReadError.

    Long ones are cut, with `address` of the id as the place where the whole is; without `address` all are whole.
    None holds the keys that `redact` names.
    """
    if page.rows:
        payloads = await read_payloads(clickhouse, [row["id"] for row in page.rows], address, redact)
        for row in page.rows:
            row["payload"] = payloads.get(row["id"])


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
