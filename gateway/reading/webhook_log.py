"""The webhook log: which rows an academy may see, filtered, in pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.reading.payloads import fitting, read_payloads, shown_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import date

    from gateway.reading.store import ClickHouse, Reader

__all__ = [
    "SORTS",
    "Filters",
    "LogPage",
    "add_payloads",
    "find_ids",
    "place_of",
    "places",
    "read_newest",
    "read_page",
    "read_row",
    "status_of",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
    AND (empty({verdicts:Array(String)}) OR has({verdicts:Array(String)}, if(verdict = '', 'pending', verdict)))
    AND ({day:String} = '' OR toDate(created_at) = toDateOrZero({day:String}))
    AND (empty({events:Array(String)}) OR has({events:Array(String)}, event))
    AND (empty({assets:Array(UInt64)}) OR has({assets:Array(UInt64)}, asset_id))
    AND (empty({packages:Array(Int64)}) OR has({packages:Array(Int64)}, learnpack_package_id))
    AND (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, status))
    AND ({bounded:UInt8} = 0
        OR (created_at, id) < (fromUnixTimestamp64Milli({bound_at:Int64}, 'UTC'), {bound_id:UInt64}))
"""

# `webhook_states` has the rows of `webhook_log` without bringing records and outcomes of a month together.
_COUNT: Final = "SELECT count() AS rows FROM webhook_states" + _WHERE  # noqa: S608 - constants only

# What a page shows is read by id, so that sorting never carries it. Clients' texts may be long. How many pass is
# counted on the way, for to read them twice takes twice as long.
_PAGE: Final = "SELECT id, count() OVER () AS every FROM webhook_states" + _WHERE  # noqa: S608 - as above
_PAGES: Final = {
    sort: f"{_PAGE}{order} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}" for sort, order in SORTS.items()
}

_SHOWN: Final = """
SELECT id, is_streaming, leftUTF8(event, 200) AS shown_event, asset_id, learnpack_package_id, status,
    leftUTF8(status_text, 2000) AS shown_text, verdict, student_id, leftUTF8(package_slug, 200) AS shown_package,
    created_at, updated_at
FROM {table}
WHERE id IN {ids:Array(UInt64)}
"""
# Nearly all have an outcome; only of the others the log tells.
_OUTCOMES: Final = _SHOWN.replace("{table}", "webhooks") + "AND source != 'staff'"
_STATES: Final = _SHOWN.replace("{table}", "webhook_states")

_STATUS: Final = """
SELECT status, student_id, has(academy_ids, {academy:UInt64}) AS named FROM webhook_log WHERE id = {id:UInt64}
"""

_IDS: Final = "SELECT id FROM webhook_states" + _WHERE + "ORDER BY id LIMIT {limit:UInt32}"  # noqa: S608 - constants only

_PLACES: Final = "SELECT id, version FROM raw FINAL WHERE id IN {ids:Array(UInt64)}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of an academy are wanted; an empty filter lets all pass.

    `joined` are its members whose rows may not name it, because they came before them. With `everyones`, which is for
    operators, the rows of all academies and of none are wanted. `verdicts` are those of the ledger, `pending` too, and
    `day` is the UTC day of arrival. `bound` is the time of arrival, in milliseconds since
    1970 UTC, and the id of a row before which all must have come: whoever reads on from the last one that he has meets
    none twice, however many came since.
    """

    academy: int
    joined: tuple[int, ...] = ()
    students: tuple[int, ...] = ()
    verdicts: tuple[str, ...] = ()
    day: date | None = None
    events: tuple[str, ...] = ()
    assets: tuple[int, ...] = ()
    packages: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    everyones: bool = False
    bound: tuple[int, int] | None = None

    def parameters(self, **more: Any) -> dict[str, Any]:
        """The filters, and more, as a query's parameters."""
        return {
            "academy": self.academy,
            "joined": list(self.joined),
            "students": list(self.students),
            "verdicts": list(self.verdicts),
            "day": "" if self.day is None else str(self.day),
            "events": list(self.events),
            "assets": list(self.assets),
            "packages": list(self.packages),
            "statuses": list(self.statuses),
            "everyones": int(self.everyones),
            "bounded": int(self.bound is not None),
            "bound_at": 0 if self.bound is None else self.bound[0],
            "bound_id": 0 if self.bound is None else self.bound[1],
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


def place_of(row: Mapping[str, Any]) -> tuple[int, int]:
    """Where a row of a page stands among those by time of arrival, as `Filters.bound` has it."""
    arrival: datetime = row["created_at"]
    return (arrival.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1), row["id"]


async def read_page(clickhouse: Reader, filters: Filters, *, sort: str, limit: int, offset: int) -> LogPage:
    """Read a page's rows, which get their payloads by `add_payloads`; raises ReadError.

    It ends before `limit` where those would be more than gateway.reading.payloads.PAGE_BYTES.
    """
    # With the rows of the page before, which may be shorter than `limit` as well.
    back = min(limit, offset)
    total, rows = await _rows(clickhouse, filters, sort, limit=back + limit, offset=offset - back)
    if not rows and offset:
        total = (await clickhouse.rows(_COUNT, filters.parameters()))[0]["rows"]
    sizes = await shown_sizes(clickhouse, [row["id"] for row in rows])
    earlier, sizes = sizes[:back], sizes[back:]
    end = fitting(sizes)
    before = None if not back else offset - (fitting(earlier[::-1]) if len(earlier) == back else back)
    return LogPage(total, rows[back : back + end], sum(sizes[:end]), before)


async def read_newest(clickhouse: Reader, filters: Filters, limit: int) -> list[dict[str, Any]]:
    """So many of the newest rows, the newest first, without payloads; raises ReadError."""
    return (await _rows(clickhouse, filters, _NEWEST, limit=limit, offset=0))[1]


async def _rows(
    clickhouse: Reader, filters: Filters, sort: str, *, limit: int, offset: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many pass, and those at these places; where nothing is there, nothing was counted."""
    found = await clickhouse.rows(_PAGES[sort], filters.parameters(limit=limit, offset=offset))
    return found[0]["every"] if found else 0, await _shown(clickhouse, [row["id"] for row in found])


async def _shown(clickhouse: Reader, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What pages show of these webhooks, in this order; of one that was deleted meanwhile nothing."""
    if not ids:
        return []
    found = {row["id"]: row for row in await clickhouse.rows(_OUTCOMES, {"ids": list(ids)})}
    if left := [number for number in ids if number not in found]:
        found |= {row["id"]: row for row in await clickhouse.rows(_STATES, {"ids": left})}
    return [found[number] for number in ids if number in found]


async def read_row(clickhouse: ClickHouse, webhook: int) -> LogPage:
    """One webhook as a page, which is empty if there is none of that id; raises ReadError."""
    rows = await clickhouse.rows(_STATES, {"ids": [webhook]})
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
