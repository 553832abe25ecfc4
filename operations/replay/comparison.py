"""What a generation says otherwise than the live one, row by row, asked of ClickHouse."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schemas.wire.place import OFFSET_BITS, OFFSET_MASK
from schemas.wire.rows import (
    ASSET_DAILY,
    CLAIMS,
    DEAD_LETTERS,
    EVENTS,
    GENERATION_TABLES,
    SCORES,
    STUDENT_DAY,
    WEBHOOKS,
)
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from schemas.wire.rows import Table

__all__ = [
    "EXAMPLES",
    "MOST",
    "SCORE_COLUMNS",
    "VERDICT_COLUMNS",
    "Comparison",
    "TableDifference",
    "compare",
    "content_of",
]

# What tells when or in which order a row was written, not what it says.
_INCIDENTAL: Final = frozenset(
    {"deleted", "version", "written_at", "computed_at", "scores_seen", "facts_seen", "traceback"}
)
_OWN_PLACE: Final = frozenset({"id", "received_at", "resolution"})
# Of each list the largest changes, and of each kind of change some webhooks.
MOST: Final = 10_000
EXAMPLES: Final = 5
VERDICT_COLUMNS: Final = ("verdict", "status", "status_text")
SCORE_COLUMNS: Final = ("engagement_score", "frustration_score", "completion_rate")
_FIGURES: Final = ("frustration_avg", "engagement_avg", "completion_avg", "total_sessions", "active_students")
# A webhook that one generation has processed and the other perhaps not.
_AHEAD: Final = f"bitAnd(version, {OFFSET_MASK}) >= {{at:Array(UInt64)}}[bitShiftRight(version, {OFFSET_BITS}) + 1]"


@dataclass(frozen=True, slots=True)
class TableDifference:
    """Rows of a table in the live and in the new generation; `moving` ones are left out of the other figures."""

    table: str
    live: int
    new: int
    only_live: int
    only_new: int
    different: int
    moving: int


@dataclass(slots=True)
class Comparison:
    """What a replay would change; of each list the 10,000 largest changes, with how many there are in all.

    `verdicts` are kinds of changes with their number and some webhooks; `scores` and `days` have old and new figures.
    `part`, as the saved file calls it, is the scope of a replay in place, which has no days; empty for a generation.
    `expired` counts rows that are only live because the log no longer has their webhooks.
    """

    live: int
    new: int
    tables: list[TableDifference] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    scores_moved: int = 0
    days: list[dict[str, Any]] = field(default_factory=list)
    days_changed: int = 0
    part: str = ""
    expired: int = 0

    @property
    def equal(self) -> bool:
        """Whether every row is the same in both."""
        return not any(table.only_live or table.only_new or table.different for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**asdict(self), "equal": self.equal}


def compare(settings: Settings, live: int, new: int, positions: Mapping[int, int]) -> Comparison:
    """Compare two generations as far as both have processed: up to these raw offsets, by partition.

    Rows that a later webhook has touched already, in either of them, are moving and say nothing. Raises ClickHouse's
    errors.
    """
    names = [
        Installation.of(settings.model_copy(update={"generation": generation})).derived for generation in (live, new)
    ]
    at = {"at": [positions[number] for number in range(len(positions))], "raw": Topics.of(settings).raw}
    client = connect(settings)
    with contextlib.closing(client):
        asked = _Asked(client, names, at)
        comparison = Comparison(live, new, [asked.table(table) for table in GENERATION_TABLES])
        comparison.verdicts = asked.verdicts()
        comparison.scores, comparison.scores_moved = asked.moved(SCORES, SCORE_COLUMNS)
        comparison.days, comparison.days_changed = asked.moved(ASSET_DAILY, _FIGURES)
    return comparison


@dataclass(frozen=True, slots=True)
class _Asked:
    client: Client
    databases: Sequence[str]
    at: Mapping[str, Any]

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return list(self.client.query(sql, parameters=dict(self.at)).named_results())

    def _moving(self, table: Table) -> str:
        """A query for the identities that a webhook beyond the positions has touched."""
        if table is ASSET_DAILY:
            touched = " UNION ALL ".join(
                f"SELECT asset_slug, {day} AS day FROM {database}.{source.name} WHERE {_AHEAD}"
                for database in self.databases
                for source, day in ((EVENTS, "toDate(received_at)"), (STUDENT_DAY, "day"))
            )
            # A day's averages go into those of all later ones.
            return (
                f"SELECT d.asset_slug, d.day FROM ({self._union(table, 'asset_slug, day')}) AS d INNER JOIN "
                f"(SELECT asset_slug, min(day) AS first FROM ({touched}) GROUP BY asset_slug) AS t "
                "ON d.asset_slug = t.asset_slug WHERE d.day >= t.first"
            )
        if table is DEAD_LETTERS:
            ahead = "WHERE topic = {raw:String} AND offset >= {at:Array(UInt64)}[partition + 1]"
            return f"SELECT * FROM ({self._union(table, _identity(table))}) {ahead}"
        return " UNION ALL ".join(
            f"SELECT {_identity(table)} FROM {database}.{table.name} WHERE {_AHEAD}" for database in self.databases
        )

    def _union(self, table: Table, columns: str) -> str:
        return " UNION ALL ".join(f"SELECT {columns} FROM {database}.{table.name} FINAL" for database in self.databases)

    def table(self, table: Table) -> TableDifference:
        identity, moving = _identity(table), self._moving(table)
        sides = " UNION ALL ".join(
            f"SELECT {side} AS side, {identity}, cityHash64(toString(tuple({content_of(table)}))) AS content, "
            f"({identity}) IN ({moving}) AS moves "
            f"FROM {database}.{table.name} FINAL {_only(table)}"
            for side, database in enumerate(self.databases)
        )
        (row,) = self._rows(
            "SELECT sum(l) AS live, sum(n) AS new, countIf(l > 0 AND n = 0 AND NOT m) AS only_live, "
            "countIf(n > 0 AND l = 0 AND NOT m) AS only_new, "
            "countIf(l > 0 AND n > 0 AND lc != nc AND NOT m) AS different, countIf(m) AS moving FROM "
            "(SELECT countIf(side = 0) AS l, countIf(side = 1) AS n, anyIf(content, side = 0) AS lc, "
            f"anyIf(content, side = 1) AS nc, max(moves) AS m FROM ({sides}) GROUP BY {identity})"
        )
        return TableDifference(table.name, **{name: int(value) for name, value in row.items()})

    def _joined(self, table: Table, columns: Sequence[str]) -> str:
        """Rows that are in both, with old and new columns."""
        keys = table.identity
        shown = ", ".join(f"l.`{name}` AS live_{name}, n.`{name}` AS new_{name}" for name in columns)
        on = " AND ".join(f"l.{key} = n.{key}" for key in keys)
        named = ", ".join(f"l.{key} AS {key}" for key in keys)
        live, new = (f"(SELECT * FROM {database}.{table.name} FINAL)" for database in self.databases)
        return (
            f"SELECT {named}, {shown} FROM {live} AS l INNER JOIN {new} AS n ON {on} "
            f"WHERE ({', '.join(f'l.{key}' for key in keys)}) NOT IN ({self._moving(table)})"
        )

    def verdicts(self) -> list[dict[str, Any]]:
        named = ", ".join(f"{side}_{name}" for name in VERDICT_COLUMNS for side in ("live", "new"))
        return self._rows(
            f"SELECT {named}, count() AS webhooks, groupArray({EXAMPLES})(id) AS examples "
            f"FROM ({self._joined(WEBHOOKS, VERDICT_COLUMNS)}) "
            "WHERE (live_verdict, live_status_text) != (new_verdict, new_status_text) "
            f"GROUP BY {named} ORDER BY webhooks DESC LIMIT {MOST}"
        )

    def moved(self, table: Table, columns: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
        """Rows whose figures differ, the largest changes first, and how many there are."""
        changes = [f"abs(ifNull(toFloat64(new_{name}), 0) - ifNull(toFloat64(live_{name}), 0))" for name in columns]
        unlike = " OR ".join(f"new_{name} IS DISTINCT FROM live_{name}" for name in columns)
        inner = (
            f"SELECT *, greatest({', '.join(changes)}) AS change FROM ({self._joined(table, columns)}) WHERE {unlike}"
        )
        rows = self._rows(f"SELECT *, count() OVER () AS in_all FROM ({inner}) ORDER BY change DESC LIMIT {MOST}")
        in_all = int(rows[0]["in_all"]) if rows else 0
        return [{name: _plain(value) for name, value in row.items() if name != "in_all"} for row in rows], in_all


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _identity(table: Table) -> str:
    return ", ".join(f"`{name}`" for name in table.identity)


def _only(table: Table) -> str:
    # Of derived topics each generation has its own, and sinks store an empty claim now and then.
    only = {DEAD_LETTERS.name: "WHERE topic = {raw:String}", CLAIMS.name: "WHERE telemetry_id != ''"}
    return only.get(table.name, "")


def content_of(table: Table) -> str:
    """The columns of a table that say something, as SQL."""
    left_out = _INCIDENTAL | (_OWN_PLACE if table is DEAD_LETTERS else set())
    columns = [column for column in table.columns if column.name not in left_out]
    return ", ".join(
        f"toString(`{column.name}`)" if column.type.startswith("JSON") else f"`{column.name}`" for column in columns
    )
