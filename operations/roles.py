"""Roles: what the parts of the system, those who set it up and analysts may do in ClickHouse, and how much.

| role | whose | what it may do |
| --- | --- | --- |
| `telemetry_ingest` | sinks | read and insert rows of this installation |
| `telemetry_reader` | gateways, the monitor, commands that look | read what is public, keep the lag |
| `telemetry_analyst` | people and their tools | read it without bodies, documents and what quotes them |
| `telemetry_admin` | `setup`, `replay`, `forget`; or all parts | make, change and drop all of this installation |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.wire.rows import GENERATION_TABLES, RAW

if TYPE_CHECKING:
    from sinks.templates import Installation

__all__ = ["ADMIN", "ANALYST", "INGEST", "READER", "Role", "analyst_grants", "roles", "statements"]

INGEST: Final = "telemetry_ingest"
READER: Final = "telemetry_reader"
ANALYST: Final = "telemetry_analyst"
ADMIN: Final = "telemetry_admin"

# Views with columns of their own, and a table, none of which holds what a client wrote.
_WHOLE: Final = ("ledger", "webhook_health", "step_funnel", "struggling_students", "live_generation", "lag_history")
_WITHOUT: Final = {
    "raw": {"payload", "params", "headers"},
    "telemetry": {"document"},
    "scores": {"overlay"},
    "dead_letters": {"key", "value", "headers", "reason", "traceback"},
}
# Columns that only the tables behind the views have.
_OF_TABLES: Final = {"deleted", "written_at", "scores_seen", "facts_seen"}
_LOG: Final = (
    "id", "received_at", "academy_id", "principal", "source", "receipt", "is_streaming", "event", "academy_ids",
    "student_id", "asset_id", "package_slug", "learnpack_package_id", "status", "status_text", "verdict", "result",
    "created_at", "updated_at",
)  # fmt: skip
# What the driver and the parts look up; nothing in these tells of others' queries or data.
_LOOKED_UP: Final = ("columns", "one", "settings", "tables")


@dataclass(frozen=True, slots=True)
class Role:
    """A role: GRANT statements without TO, settings that hold for its users, and what they may use in an hour.

    `settings` and `quota` are as CREATE SETTINGS PROFILE and CREATE QUOTA have them; an empty quota only counts.
    """

    name: str
    about: str
    grants: tuple[str, ...]
    settings: str
    quota: str = ""


def roles(installation: Installation) -> tuple[Role, ...]:
    """The roles of an installation, in whose databases alone they may do anything.

    Nothing in them leads out of the server: no files, addresses, other databases, dictionaries, functions or users.
    """
    return (
        Role(
            INGEST,
            "Sinks",
            tuple(_ingest(installation)),
            # Beside merges and readers; the daily figures are the largest that a sink asks for.
            "max_memory_usage = 8589934592, max_execution_time = 120",
        ),
        Role(
            READER,
            "Gateways, the monitor, and commands that look",
            tuple(_reader(installation)),
            # Each question of a gateway is bounded more closely by the gateway itself.
            "max_memory_usage = 4294967296, max_execution_time = 60, max_concurrent_queries_for_user = 200",
        ),
        Role(
            ANALYST,
            "Analysts and their tools",
            tuple(analyst_grants(installation)),
            "readonly = 2, max_execution_time = 60 MAX 300, max_memory_usage = 2147483648 MAX 8589934592,"
            " max_concurrent_queries_for_user = 8",
            "queries = 5000, errors = 1000, result_rows = 50000000, execution_time = 3600",
        ),
        Role(
            ADMIN,
            "`setup` and commands that change tables; or all parts by one user",
            tuple(_admin(installation)),
            # Reading the whole log, or rewriting what is erased, takes as long as it takes.
            "max_memory_usage = 8589934592",
        ),
    )


def statements(installation: Installation, role: Role) -> list[str]:
    """A role as statements for an administrator, who grants it to users then; safe to repeat."""
    on_cluster = f" {installation.on_cluster}" if installation.on_cluster else ""
    limits = f"MAX {role.quota}" if role.quota else "TRACKING ONLY"
    quota = f"KEYED BY user_name FOR INTERVAL 1 hour {limits}"
    return [
        f"CREATE ROLE IF NOT EXISTS {role.name}{on_cluster}",
        *(one.replace("GRANT ", f"GRANT{on_cluster} ", 1) + f" TO {role.name}" for one in role.grants),
        f"CREATE SETTINGS PROFILE OR REPLACE {role.name}{on_cluster} SETTINGS {role.settings} TO {role.name}",
        f"CREATE QUOTA OR REPLACE {role.name}{on_cluster} {quota} TO {role.name}",
    ]


def _databases(installation: Installation) -> tuple[str, str]:
    return installation.public, f"{installation.public}_g*"


def _ingest(installation: Installation) -> list[str]:
    grants = [f"GRANT SELECT, INSERT ON {databases}.*" for databases in _databases(installation)]
    # It tries rows on a function that stores nothing.
    return [*grants, "GRANT CREATE TEMPORARY TABLE ON *.*", *_looking_up(_LOOKED_UP)]


def _reader(installation: Installation) -> list[str]:
    public = installation.public
    grants = [f"GRANT SELECT ON {public}.*", f"GRANT INSERT ON {public}.lag_history"]
    # Rules that are tried are compared with the log, and the monitor looks at parts and what the server has taken.
    return [*grants, *_looking_up((*_LOOKED_UP, "metrics", "parts"))]


def analyst_grants(installation: Installation) -> list[str]:
    """GRANT statements without TO: what an analyst reads; views read with the rights of who made them."""
    public = installation.public
    granted = {
        table.name: [
            name
            for name in table.names
            if name not in _WITHOUT[table.name] and (table is RAW or name not in _OF_TABLES)
        ]
        for table in (RAW, *GENERATION_TABLES)
        if table.name in _WITHOUT
    } | {"webhook_log": list(_LOG)}
    columns = [f"GRANT SELECT({', '.join(names)}) ON {public}.{name}" for name, names in granted.items()]
    # Tools ask what columns a table has before they read any; without this they would be refused for one hidden column.
    columns += [f"GRANT SHOW COLUMNS ON {public}.{name}" for name in granted]
    # Whole where nothing is left out, for a grant of a JSON column does not reach its paths.
    whole = [table.name for table in (RAW, *GENERATION_TABLES) if table.name not in _WITHOUT]
    return [*columns, *(f"GRANT SELECT ON {public}.{name}" for name in (*whole, *_WHOLE))]


def _admin(installation: Installation) -> list[str]:
    rights = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, TRUNCATE, SHOW"
    grants = [f"GRANT {rights} ON {databases}.*" for databases in _databases(installation)]
    grants += ["GRANT CREATE TEMPORARY TABLE ON *.*", *_looking_up((*_LOOKED_UP, "metrics", "parts"))]
    return [*grants, "GRANT CLUSTER ON *.*", *_looking_up(("clusters",))] if installation.cluster else grants


def _looking_up(tables: tuple[str, ...]) -> list[str]:
    return [f"GRANT SELECT ON system.{name}" for name in tables]
