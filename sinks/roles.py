"""What an analyst may read: public tables and views without bodies, documents and what quotes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.rows import GENERATION_TABLES, RAW

if TYPE_CHECKING:
    from sinks.templates import Installation

__all__ = ["ANALYST", "analyst_grants", "role_statements"]

ANALYST: Final = "telemetry_analyst"

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
    # Whole where nothing is left out, for a grant of a JSON column does not reach its paths.
    whole = [table.name for table in tables if table.name not in _WITHOUT]
    return [*columns, *(f"GRANT SELECT ON {public}.{name}" for name in (*whole, *_WHOLE))]


def role_statements(installation: Installation) -> list[str]:
    """The role of analysts as statements for a ClickHouse administrator; safe to repeat."""
    on_cluster = f" {installation.on_cluster}" if installation.on_cluster else ""
    granted = [
        one.replace("GRANT ", f"GRANT{on_cluster} ", 1) + f" TO {ANALYST}" for one in analyst_grants(installation)
    ]
    settings = "readonly = 2, max_execution_time = 60 MAX 300, max_memory_usage = 2147483648 MAX 8589934592"
    return [
        f"CREATE ROLE IF NOT EXISTS {ANALYST}{on_cluster}",
        *granted,
        f"ALTER ROLE {ANALYST}{on_cluster} SETTINGS {settings}",
    ]
