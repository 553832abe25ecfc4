"""How many rows tables have and which webhook was refused last, looked for once for as long as nothing changes.

To count is to bring the rows of one identity together, of all there are. Whoever asks at night asks for what was there
an hour ago: a table is its parts, which never change, so the same parts have the same rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.wire.rows import CLAIMS, EVENTS, RAW, WEBHOOKS
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clickhouse_connect.driver.client import Client

__all__ = ["COUNTED", "Counted", "RowCounts"]

COUNTED: Final = ("raw", "webhooks", "events", "scores", "telemetry", "asset_daily", "dead_letters")

# Of facts there are many, and to bring the rows of each together by the whole order of their table takes three times as
# long as to count identities and then take off those that were taken back or told again by whoever claimed them.
_CLAIMED: Final = f"actor IN (SELECT concat('{ANONYMOUS}', telemetry_id) FROM claims)"  # noqa: S608 - a constant
_FACTS: Final = f"""
SELECT 'events', toUInt64(
    (SELECT count() FROM (SELECT item_id FROM event_versions GROUP BY item_id))
    - (SELECT count() FROM
        (SELECT item_id FROM event_versions
         WHERE item_id IN
            (SELECT item_id FROM event_versions WHERE deleted = 1
             UNION ALL SELECT item_id FROM event_versions WHERE {_CLAIMED})
         GROUP BY item_id, actor
         HAVING argMax(deleted, version) = 1 OR {_CLAIMED})))
"""  # noqa: S608 - constants only
_COUNTS: Final = {
    table: _FACTS if table == "events" else f"SELECT '{table}', count() FROM {table} FINAL"  # noqa: S608 - of COUNTED
    for table in COUNTED
}
_LAST_ERROR: Final = """
SELECT replaceOne(toString(updated_at, 'UTC'), ' ', 'T') || 'Z', toString(id), verdict, status_text FROM webhooks
WHERE status = 'ERROR' ORDER BY updated_at DESC LIMIT 1
"""
# A part's name is its table's alone, and a generation's database has another name than the next one's. Of a table that
# may not be looked at there is no row.
_PARTS: Final = """
SELECT t.name, groupBitXor(cityHash64(t.database, p.name, p.hash_of_all_files))
FROM (SELECT database, name FROM system.tables WHERE database IN {databases:Array(String)}) AS t
LEFT JOIN
    (SELECT database, table, name, hash_of_all_files FROM system.parts
     WHERE active AND database IN {databases:Array(String)}) AS p ON p.database = t.database AND p.table = t.name
WHERE concat(t.database, '.', t.name) IN {tables:Array(String)}
GROUP BY t.name
"""
_GENERATION: Final = "SELECT max(generation) FROM live_generation"

_LOOK_SECONDS: Final = 5.0
# Of the time: what is counted for nobody must not be felt.
_MOST_SPENT: Final = 0.02


class Counted(NamedTuple):
    """The rows of each table, and of the webhook that was refused last when, which and why; None without any."""

    rows: dict[str, int]
    last_error: dict[str, str] | None


class RowCounts:
    """Remembers what was counted; threads may share it."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._counted: dict[str, tuple[tuple[int, ...], int]] = {}
        self._seen: dict[str, tuple[int, ...]] = {}
        self._error: tuple[tuple[int, ...] | None, dict[str, str] | None] = None, None

    def count(self, client: Client, public: str) -> Counted:
        """How it is now in the public database of this name; blocks, and raises ClickHouse's errors."""
        states = _states(client, public)
        known = {table: count for table, (state, count) in self._counted.items() if states.get(table) == state}
        found = known | self._count(client, [table for table in COUNTED if table not in known], states)
        rows = {table: found[table] for table in COUNTED}
        return Counted(rows, self._refused(client, states.get(WEBHOOKS.name)))

    def count_what_stands(self, client: Client, public: str) -> None:
        """Count tables that have not changed since the last time that this was called, if they are not; as `count`."""
        states = _states(client, public)
        still = [table for table, state in states.items() if self._seen.get(table) == state]
        self._seen = states
        self._count(client, [table for table in still if self._counted.get(table, ((), 0))[0] != states[table]], states)
        if WEBHOOKS.name in still:
            self._refused(client, states[WEBHOOKS.name])

    def _count(self, client: Client, tables: Sequence[str], states: dict[str, tuple[int, ...]]) -> dict[str, int]:
        if not tables:
            return {}
        rows = client.query(" UNION ALL ".join(_COUNTS[table] for table in tables)).result_rows
        found = {str(table): int(count) for table, count in rows}
        # What is stored meanwhile may be counted, too: then the table has other parts, and is counted anew.
        self._counted |= {table: (states[table], count) for table, count in found.items() if table in states}
        return found

    def _refused(self, client: Client, state: tuple[int, ...] | None) -> dict[str, str] | None:
        known, error = self._error
        if state is None or known != state:
            rows = client.query(_LAST_ERROR).result_rows
            error = dict(zip(("at", "webhook", "verdict", "text"), rows[0], strict=True)) if rows else None
            self._error = state, error
        return error

    async def keep(self, connected: Callable[[], Client], public: str) -> None:
        """Count again and again what stands still, so that nobody has to wait for it; for ever."""
        while True:
            # Whoever asks is told that it is away, or not set up; here it is tried again.
            with (
                contextlib.suppress(ClickHouseError, OSError),
                contextlib.closing(await asyncio.to_thread(connected)) as client,
            ):
                while True:
                    began = time.monotonic()
                    await asyncio.to_thread(self.count_what_stands, client, public)
                    await asyncio.sleep(max(_LOOK_SECONDS, (time.monotonic() - began) / _MOST_SPENT))
            await asyncio.sleep(_LOOK_SECONDS)


def _states(client: Client, public: str) -> dict[str, tuple[int, ...]]:
    """What tells a table from what it was, by table; those that may not be looked at are left out."""
    derived = f"{public}_g{int(str(client.command(_GENERATION)))}"
    # Of facts those count that nobody has claimed.
    needed = {table: (table, CLAIMS.name) if table == EVENTS.name else (table,) for table in COUNTED}
    places = [f"{public if table == RAW.name else derived}.{table}" for table in (*COUNTED, CLAIMS.name)]
    parameters = {"databases": [public, derived], "tables": places}
    found = {str(table): int(parts) for table, parts in client.query(_PARTS, parameters=parameters).result_rows}
    return {
        table: tuple(found[name] for name in names)
        for table, names in needed.items()
        if all(name in found for name in names)
    }
