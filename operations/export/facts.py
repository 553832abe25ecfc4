"""Facts in the order in which they were stored, a page at a time: what there is to send, and what was taken back.

Webhooks arrive late and facts are told later than they happened; the one order in which nothing is passed over is that
of storing. Two blocks may be stored side by side, and the one that began earlier be seen later: whoever goes on from a
place has to stay behind the present by as long as an insert may take (SETTLED_SECONDS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from operations.export.statements import Fact
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

__all__ = ["BEGINNING", "PAGE_FACTS", "SETTLED_SECONDS", "Change", "Facts", "Page", "Place", "Span"]

T = TypeVar("T")

# The table is not in this order, so a page costs a look at all of it; a larger one would be too much for memory.
PAGE_FACTS: Final = 50_000
# Longer than a sink waits for the answer to an insert.
SETTLED_SECONDS: Final = 150

_EXACT: Final = {"output_format_json_quote_64bit_integers": 0, "use_skip_indexes_if_final": 0}

# Runs of nobody are told again by the student who claims them, so that each would be there twice.
_WHERE: Final = """
WHERE v.written_at >= {written:DateTime64(6, 'UTC')}
    AND (v.written_at, v.item_id) > ({written:DateTime64(6, 'UTC')}, {item:UInt128})
    AND v.received_at >= {since:DateTime64(3, 'UTC')} AND v.received_at < {until:DateTime64(3, 'UTC')}
    AND NOT startsWith(v.actor, {nobody:String})
"""
_SETTLED: Final = "AND v.written_at <= now64(6, 'UTC') - toIntervalSecond({settled:UInt32})"
_PAGE: Final = f"""
SELECT toString(v.item_id) AS item_id, v.version AS version, v.deleted AS deleted, toString(v.written_at) AS written_at
FROM event_versions AS v {_WHERE} {_SETTLED} ORDER BY v.written_at, v.item_id, v.version LIMIT {{page:UInt32}}
"""
_COUNT: Final = f"SELECT count() FROM event_versions AS v {_WHERE} {_SETTLED}"
_FACTS: Final = f"""
SELECT toString(e.item_id) AS item_id, e.event AS event, toString(e.occurred_at) AS occurred_at, e.actor AS actor,
    e.academy_id AS academy_id, e.asset_slug AS asset_slug, e.step_slug AS step_slug, e.step_position AS step_position,
    e.exit_code AS exit_code, e.succeeded AS succeeded, e.duration_ms AS duration_ms, e.error_type AS error_type,
    e.code_bytes AS code_bytes, e.output_bytes AS output_bytes, e.source AS source, e.properties AS properties
FROM events AS e WHERE (e.asset_slug, e.event, e.step_slug, e.actor, e.item_id) IN
    (
        SELECT v.asset_slug, v.event, v.step_slug, v.actor, v.item_id FROM event_versions AS v {_WHERE}
        AND (v.written_at, v.item_id) <= ({{last_written:DateTime64(6, 'UTC')}}, {{last_item:UInt128}})
    )
ORDER BY e.occurred_at, e.item_id
"""


class Place(msgspec.Struct, frozen=True):
    """How far one has come: the last row that is done with."""

    written_at: str
    item_id: str


class Change(msgspec.Struct, frozen=True):
    """A row as it was written: a fact, or that it is none any more."""

    item_id: str
    version: int
    deleted: int
    written_at: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.written_at, self.item_id)


BEGINNING: Final = Place("1970-01-01 00:00:00.000000", "0")


@dataclass(frozen=True, slots=True)
class Span:
    """Facts whose webhooks arrived in a time, as ClickHouse writes instants of UTC."""

    since: str
    until: str = "2200-01-01 00:00:00.000"


@dataclass(frozen=True, slots=True)
class Page:
    """The facts of a page as they are now, what was taken back in it, and where it ends."""

    facts: list[Fact]
    taken_back: list[Change]
    last: Place
    rows: int


class Facts:
    """Reads the database's public views, as a role that only reads may. Raises sinks.clickhouse.CLICKHOUSE_ERRORS."""

    def __init__(self, client: Client, span: Span, *, page: int = PAGE_FACTS, settling: int = SETTLED_SECONDS) -> None:
        """Pages have `page` rows; an insert is seen `settling` seconds after it began at the latest."""
        self._client = client
        self.settling = settling
        self._span = {"since": span.since, "until": span.until, "nobody": ANONYMOUS}
        self._page = page

    def generation(self) -> int:
        """The generation that the views read."""
        ((generation,),) = self._client.query("SELECT generation FROM live_generation").result_rows
        return int(generation)

    def count(self, after: Place, settled: int) -> int:
        """How many rows are to be read."""
        ((count,),) = self._client.query(_COUNT, {**self._from(after), "settled": settled}).result_rows
        return int(count)

    def pages(self, after: Place, settled: int) -> Iterator[Page]:
        """Page by page what was stored behind a place, but for the last `settled` seconds, as far as there is any."""
        while (page := self._next(after, settled)) is not None:
            yield page
            after = page.last

    def settled_at(self) -> str:
        """Up to when everything is there that will ever be, by ClickHouse's clock."""
        query = "SELECT toString(now64(6, 'UTC') - toIntervalSecond({settled:UInt32}))"
        ((instant,),) = self._client.query(query, {"settled": self.settling}).result_rows
        return str(instant)

    def _next(self, after: Place, settled: int) -> Page | None:
        given = {**self._from(after), "settled": settled, "page": self._page}
        changes = self._read(_PAGE, given, Change)
        if not changes:
            return None
        last = changes[-1].place
        bounds = {**self._from(after), "last_written": last.written_at, "last_item": last.item_id}
        facts = self._read(_FACTS, bounds, Fact)
        there = {fact.item_id for fact in facts}
        newest = {change.item_id: change for change in changes}
        gone = [change for change in newest.values() if change.deleted and change.item_id not in there]
        return Page(facts, gone, last, len(changes))

    def _read(self, query: str, parameters: dict[str, Any], kind: type[T]) -> list[T]:
        # The driver has the server answer when the query has ended, so that an error is never a part of rows.
        answer = self._client.raw_query(query, parameters, settings=_EXACT, fmt="JSONEachRow")
        return [msgspec.json.decode(line, type=kind) for line in answer.splitlines()]

    def _from(self, after: Place) -> dict[str, Any]:
        return {**self._span, "written": after.written_at, "item": after.item_id}
