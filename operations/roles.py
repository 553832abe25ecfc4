"""Roles: what an analyst may read, and what the parts of the system need.

Analysts read public tables and views without bodies, documents and what quotes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.wire.rows import GENERATION_TABLES, RAW

if TYPE_CHECKING:
    from sinks.templates import Installation

__all__ = [
    "ANALYST",
    "APPLICATION",
    "analyst_grants",
    "application_grants",
    "application_statements",
    "role_statements",
]

ANALYST: Final = "telemetry_analyst"
APPLICATION: Final = "telemetry_application"

# Views with columns of their own, none of which holds what a client wrote.
_WHOLE: Final = ("ledger", "webhook_health", "step_funnel", "struggling_students", "live_generation")
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


def analyst_grants(installation: Installation) -> list[str]:
    """GRANT statements without TO: what an analyst reads of an installation; the views read with their owner's."""
    public = installation.public
    tables = (RAW, *GENERATION_TABLES)
    granted = {
        table.name: [
            name
            for name in table.names
            if name not in _WITHOUT[table.name] and (table is RAW or name not in _OF_TABLES)
        ]
        for table in tables
        if table.name in _WITHOUT
    } | {"webhook_log": list(_LOG)}
    columns = [f"GRANT SELECT({', '.join(names)}) ON {public}.{name}" for name, names in granted.items()]
    # Tools ask what columns a table has before they read any; without this they would be refused for one hidden column.
    columns += [f"GRANT SHOW COLUMNS ON {public}.{name}" for name in granted]
    # Whole where nothing is left out, for a grant of a JSON column does not reach its paths.
    whole = [table.name for table in tables if table.name not in _WITHOUT]
    return [*columns, *(f"GRANT SELECT ON {public}.{name}" for name in (*whole, *_WHOLE))]


def role_statements(installation: Installation) -> list[str]:
    """The role of analysts as statements for a ClickHouse administrator; safe to repeat."""
    on_cluster = f" {installation.on_cluster}" if installation.on_cluster else ""
    granted = _granted(analyst_grants(installation), on_cluster, ANALYST)
    settings = "readonly = 2, max_execution_time = 60 MAX 300, max_memory_usage = 2147483648 MAX 8589934592"
    return [
        f"CREATE ROLE IF NOT EXISTS {ANALYST}{on_cluster}",
        *granted,
        f"ALTER ROLE {ANALYST}{on_cluster} SETTINGS {settings}",
    ]


def application_grants(installation: Installation) -> list[str]:
    """GRANT statements without TO: what gateway, worker, sink and commands do, in this installation's databases only.

    Nothing in them leads out of the server: no files, addresses, other databases, dictionaries, functions or users.
    """
    rights = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, TRUNCATE, SHOW"
    grants = [f"GRANT {rights} ON {databases}.*" for databases in (installation.public, f"{installation.public}_g*")]
    # The sink tries rows on a function that stores nothing.
    grants.append("GRANT CREATE TEMPORARY TABLE ON *.*")
    grants += [f"GRANT SELECT ON system.{name}" for name in ("columns", "one", "parts", "settings", "tables")]
    return [*grants, "GRANT CLUSTER ON *.*"] if installation.cluster else grants


def application_statements(installation: Installation, user: str) -> list[str]:
    """The role of the parts, and its grant to their user, as statements for an administrator; safe to repeat."""
    on_cluster = f" {installation.on_cluster}" if installation.on_cluster else ""
    return [
        f"CREATE ROLE IF NOT EXISTS {APPLICATION}{on_cluster}",
        *_granted(application_grants(installation), on_cluster, APPLICATION),
        f"GRANT{on_cluster} {APPLICATION} TO `{user}`",
    ]


def _granted(grants: list[str], on_cluster: str, role: str) -> list[str]:
    return [one.replace("GRANT ", f"GRANT{on_cluster} ", 1) + f" TO {role}" for one in grants]
