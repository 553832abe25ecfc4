"""Rows of the live generation whose webhooks the log no longer has: computed anew, nothing brings them back."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from operations.generations.offsets import Offsets
from operations.wording import counted
from schemas.wire.place import OFFSET_BITS, OFFSET_MASK
from schemas.wire.rows import ASSET_DAILY, DEAD_LETTERS, EVENTS, GENERATION_TABLES, WEBHOOKS
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from schemas.wire.rows import Table

__all__ = ["Expired", "find_expired", "find_passed"]

# A row's version is the place of the webhook that it comes from.
_PARTITION, _OFFSET = f"bitShiftRight(version, {OFFSET_BITS}) + 1", f"bitAnd(version, {OFFSET_MASK})"
_GONE: Final = (
    f"{_OFFSET} < {{begins:Array(UInt64)}}[{_PARTITION}] AND {_OFFSET} >= {{since:Array(UInt64)}}[{_PARTITION}]"
)
_ARRIVED: Final = {EVENTS.name: "received_at", WEBHOOKS.name: "created_at"}
_LETTERS: Final = (
    "topic = {raw:String} AND offset < {begins:Array(UInt64)}[partition + 1] "
    "AND offset >= {since:Array(UInt64)}[partition + 1]"
)
_LETTER_PLACE: Final = f"bitShiftLeft(toUInt64(partition), {OFFSET_BITS}) + toUInt64(offset)"


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows by table, from how many webhooks they come, and when the first and the last of these arrived, in UTC."""

    rows: Mapping[str, int] = field(default_factory=dict)
    webhooks: int = 0
    first: str | None = None
    last: str | None = None

    @property
    def count(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    def of(self, generation: int) -> str:
        """A sentence's beginning, such as `7 rows of generation 1 come from 2 webhooks that the log no longer has`."""
        tables = ", ".join(f"{name} {rows:,}" for name, rows in self.rows.items())
        arrived = "" if self.first is None or self.last is None else f"; arrived {self.first[:16]} to {self.last[:16]}"
        rows, come = counted(self.count, "row", ","), "comes" if self.count == 1 else "come"
        webhooks = counted(self.webhooks, "webhook", ",")
        return (
            f"{rows} of generation {generation} {come} from {webhooks} that the log no longer has ({tables}{arrived})"
        )


async def find_passed(settings: Settings, live: int, previous: int) -> Expired:
    """Rows of the live generation that `previous`, which stands still, can no longer have: the log passed its workers.

    Raises aiokafka's KafkaError and ClickHouse's errors.
    """
    topics = Topics.of(settings)
    async with Offsets(settings) as offsets:
        begins, since = await offsets.begins(topics), await offsets.committed(topics.of_generation(previous))
    return await asyncio.to_thread(find_expired, settings, live, begins, since=since)


def find_expired(
    settings: Settings,
    live: int,
    begins: Mapping[int, int],
    new: int | None = None,
    *,
    since: Mapping[int, int] | None = None,
) -> Expired:
    """Rows of the live generation whose webhooks lie before these raw offsets, by partition, where the log begins.

    With a `new` generation only those that it does not have: a later webhook may tell the same again; with `since` only
    from these offsets on. Days of tutorials come from the other rows. Raises ClickHouse's errors.
    """
    since = since or dict.fromkeys(begins, 0)
    if all(since[number] >= begin for number, begin in begins.items()):
        return Expired()
    databases = [
        None if number is None else Installation.of(settings.model_copy(update={"generation": number})).derived
        for number in (live, new)
    ]
    tables = " UNION ALL ".join(_rows(table, *databases) for table in GENERATION_TABLES if table is not ASSET_DAILY)
    query = (
        "SELECT name, count() AS row_count, uniqExact(place) AS webhooks, toString(min(at)) AS first, "
        f"toString(max(at)) AS last FROM ({tables}) GROUP BY ROLLUP(name) ORDER BY row_count DESC, name"
    )
    bounds = {"begins": begins, "since": since}
    parameters: dict[str, Any] = {
        name: [offsets[number] for number in range(len(begins))] for name, offsets in bounds.items()
    }
    parameters["raw"] = Topics.of(settings).raw
    with contextlib.closing(connect(settings)) as client:
        found = {row["name"]: row for row in client.query(query, parameters=parameters).named_results()}
    total = found.pop("", None)
    if total is None or not total["row_count"]:
        return Expired()
    rows = {name: int(row["row_count"]) for name, row in found.items()}
    return Expired(rows, int(total["webhooks"]), total["first"], total["last"])


def _rows(table: Table, live: str | None, new: str | None) -> str:
    is_letters = table is DEAD_LETTERS
    place, gone = (_LETTER_PLACE, _LETTERS) if is_letters else ("version", _GONE)
    arrived = f"toNullable({_ARRIVED[table.name]})" if table.name in _ARRIVED else "NULL"
    query = (
        f"SELECT '{table.name}' AS name, {place} AS place, {arrived} AS at FROM {live}.{table.name} FINAL WHERE {gone}"
    )
    if new is None:
        return query
    identity = ", ".join(f"`{name}`" for name in table.identity)
    return f"{query} AND ({identity}) NOT IN (SELECT {identity} FROM {new}.{table.name} FINAL)"
