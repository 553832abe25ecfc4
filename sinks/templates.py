"""The statements of sinks/ddl, filled in for one installation; the columns come from schemas.wire.rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from schemas.wire.rows import RAW, TABLES, WEBHOOKS
from sinks.errors import ConfigurationError

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rows import Column, Table

__all__ = ["KEEP_EMPTY_PARTS", "Installation", "column_definition", "quoted", "statements"]

# Blocks that a token is remembered for: 50 minutes of the fastest beat. Only an insert that has begun can come late: a
# sink that was paused begins none (`sinks.writer.commits`).
_DEDUPLICATION_WINDOW: Final = 10_000
_DEDUPLICATION_SECONDS: Final = 7 * 86_400
# Half a minute after a deletion or retention has left no row of a part, ClickHouse would remove it and forget
# the tokens of its blocks: a late one would be stored. So an empty part stays until it is merged with others.
KEEP_EMPTY_PARTS: Final = "remove_empty_parts = 0"
# A webhook's row outlives the views' days, see ddl/030_webhooks.sql.
_MARGIN_DAYS: Final = 2
_HIDDEN: Final = frozenset({"deleted", "written_at", "scores_seen", "facts_seen"})
# What tells the record in Kafka rather than the webhook.
_OF_THE_RECORD: Final = frozenset({"version", "key", "headers", "valueless", "place"})
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the tables live and how long rows stay; `generation` counts from 1, no `cluster` means one server."""

    public: str
    generation: int
    cluster: str = ""
    webhook_days: int = 30
    raw_days: int = 365

    def __post_init__(self) -> None:
        for setting, name in (("TELEMETRY_DATABASE", self.public), ("TELEMETRY_CLICKHOUSE_CLUSTER", self.cluster)):
            if name and not _IDENTIFIER.fullmatch(name):
                message = f"{setting}: {name!r} is no plain name; use letters, digits and underscores."
                raise ConfigurationError(message)

    @classmethod
    def of(cls, settings: Settings) -> Installation:
        """The installation that these settings name."""
        return cls(
            public=settings.database,
            generation=settings.generation,
            cluster=settings.clickhouse_cluster,
            webhook_days=settings.webhook_retention_days,
            raw_days=settings.raw_retention_days,
        )

    @property
    def derived(self) -> str:
        """The database of this generation's tables."""
        return f"{self.public}_g{self.generation}"

    @property
    def on_cluster(self) -> str:
        """The clause that every statement of data definition carries."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    @property
    def webhook_table_days(self) -> int:
        """Days after which rows leave the table `webhooks`."""
        return self.webhook_days + _MARGIN_DAYS

    def database_of(self, table: str) -> str:
        """The database that a table lives in."""
        return self.public if table == "raw" else self.derived


def quoted(text: str) -> str:
    """A text as the inside of an SQL string literal."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def column_definition(column: Column) -> str:
    """A column as CREATE and ALTER write it."""
    parts = [f"`{column.name}`", column.type]
    if column.default:
        parts.append(f"DEFAULT {column.default}")
    parts.append(f"COMMENT '{quoted(column.comment)}'")
    if column.codec:
        parts.append(f"CODEC({column.codec})")
    return " ".join(parts)


def _view(columns: list[Column]) -> str:
    return ", ".join(f"`{column.name}` {column.type} COMMENT '{quoted(column.comment)}'" for column in columns)


def _of_table(table: Table) -> dict[str, str]:
    shown = [column for column in table.columns if column.name not in _HIDDEN]
    return {
        f"{table.name}_columns": ",\n".join(f"    {column_definition(column)}" for column in table.columns),
        f"{table.name}_view": _view(shown),
        f"{table.name}_names": ", ".join(f"`{column.name}`" for column in shown),
        f"{table.name}_comment": quoted(table.comment),
    }


def _values(installation: Installation) -> dict[str, str | int]:
    values: dict[str, str | int] = {
        "public": installation.public,
        "derived": installation.derived,
        "generation": installation.generation,
        "on_cluster": installation.on_cluster,
        "replicated": "Replicated" if installation.cluster else "",
        "webhook_days": installation.webhook_days,
        "webhook_table_days": installation.webhook_table_days,
        "raw_days": installation.raw_days,
        "deduplication": (
            f"non_replicated_deduplication_window = {_DEDUPLICATION_WINDOW}, "
            f"replicated_deduplication_window = {_DEDUPLICATION_WINDOW}, "
            f"replicated_deduplication_window_seconds = {_DEDUPLICATION_SECONDS}, {KEEP_EMPTY_PARTS}"
        ),
    }
    for table in TABLES:
        values.update(_of_table(table))
    log = [column for column in RAW.columns if column.name not in _OF_THE_RECORD]
    log += [column for column in WEBHOOKS.columns if column.name not in {*_HIDDEN, "id", "source", "version"}]
    values["webhook_log_view"] = _view(log)
    return values


def statements(installation: Installation, folder: str) -> list[tuple[str, str]]:
    """The statements of one folder (`tables` or `views`) in the files' order, each with its file's name."""
    values = _values(installation)
    found: list[tuple[str, str]] = []
    root = files("sinks").joinpath("ddl", folder)
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        text = "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.lstrip().startswith("--"))
        filled = Template(text).substitute(values)
        found.extend((file.name, statement.strip()) for statement in filled.split(";\n") if statement.strip())
    return [(name, statement.removesuffix(";")) for name, statement in found]
