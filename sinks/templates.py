"""The statements of sinks/ddl, filled in for one installation; the columns come from schemas.wire.rows."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from schemas.days_kept import MARGIN_DAYS
from schemas.sql import column_definition, literal, table_comment
from schemas.wire.rows import RAW, TABLES, WEBHOOKS
from sinks.errors import ConfigurationError

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rows import Column, Table

__all__ = ["KEEP_EMPTY_PARTS", "LATEST", "Installation", "statements", "ttl"]

# Blocks that a token is remembered for: 50 minutes of the fastest beat. Only an insert that has begun can come late: a
# sink that was paused begins none (`sinks.writer.commits`).
_DEDUPLICATION_WINDOW: Final = 10_000
_DEDUPLICATION_SECONDS: Final = 7 * 86_400
# Half a minute after a deletion or retention has left no row of a part, ClickHouse would remove it and forget
# the tokens of its blocks: a late one would be stored. So an empty part stays until it is merged with others.
KEEP_EMPTY_PARTS: Final = "remove_empty_parts = 0"
# A row expires as if it had come then at the latest: with the most days that is before ClickHouse's times wrap around,
# in 2106, and a record's own time may be any. It is the beginning of 2050.
LATEST: Final = "fromUnixTimestamp64Milli(2524608000000)"
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
        return self.webhook_days + MARGIN_DAYS

    def full_name(self, table: str) -> str:
        """A table with the database that it lives in."""
        return f"{self.public if table == RAW.name else self.derived}.{table}"

    def alter(self, table: str, change: str) -> str:
        """The statement that changes a table, on the whole cluster."""
        return " ".join(filter(None, ("ALTER TABLE", self.full_name(table), self.on_cluster, change)))


def ttl(time: str, days: int) -> str:
    """When a row expires that has so many days from the instant in the column `time` on."""
    return f"toDateTime(least({time}, {LATEST})) + toIntervalDay({days})"


def _view(columns: list[Column]) -> str:
    return ", ".join(f"`{column.name}` {column.type} COMMENT {literal(column.comment)}" for column in columns)


def _of_table(table: Table) -> dict[str, str]:
    shown = [column for column in table.columns if column.name not in _HIDDEN]
    return {
        f"{table.name}_columns": ",\n".join(f"    {column_definition(column)}" for column in table.columns),
        f"{table.name}_view": _view(shown),
        f"{table.name}_names": ", ".join(f"`{column.name}`" for column in shown),
        f"{table.name}_comment": literal(table.comment),
    }


def _values(installation: Installation, folder: str) -> dict[str, str | int]:
    values: dict[str, str | int] = {
        **asdict(installation),
        "derived": installation.derived,
        "on_cluster": installation.on_cluster,
        "replicated": "Replicated" if installation.cluster else "",
        "raw_ttl": ttl("received_at", installation.raw_days),
        "webhooks_ttl": ttl("created_at", installation.webhook_table_days),
        "deduplication": (
            f"non_replicated_deduplication_window = {_DEDUPLICATION_WINDOW}, "
            f"replicated_deduplication_window = {_DEDUPLICATION_WINDOW}, "
            f"replicated_deduplication_window_seconds = {_DEDUPLICATION_SECONDS}, {KEEP_EMPTY_PARTS}"
        ),
    }
    for table in TABLES:
        values.update(_of_table(table))
        if folder == "tables":
            values[f"{table.name}_comment"] = literal(table_comment(table))
    log = [column for column in RAW.columns if column.name not in _OF_THE_RECORD]
    log += [column for column in WEBHOOKS.columns if column.name not in {*_HIDDEN, "id", "source", "version"}]
    values["webhook_log_view"] = _view(log)
    values["place_alone"] = _place(installation)
    values["place"] = f"{_place(installation)}, " if installation.cluster else ""
    return values


def _place(installation: Installation) -> str:
    """Where a replicated table is in Keeper, as its engine's first arguments; empty for one server.

    It is made of names alone, so that a replica which is added later joins the others: ClickHouse's own default has the
    table's UUID in it, which is another one wherever the table is made by itself (docs/clickhouse.md, "A cluster").
    """
    place = f"/clickhouse/tables/{installation.cluster}/{{shard}}/{{database}}/{{table}}"
    return f"'{place}', '{{replica}}'" if installation.cluster else ""


def statements(installation: Installation, folder: str) -> list[tuple[str, str]]:
    """The statements of one folder (`tables` or `views`) in the files' order, each with its file's name."""
    values = _values(installation, folder)
    found: list[tuple[str, str]] = []
    root = files("sinks").joinpath("ddl", folder)
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        text = "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.lstrip().startswith("--"))
        filled = Template(text).substitute(values).rstrip().removesuffix(";")
        found.extend((file.name, statement.strip()) for statement in filled.split(";\n"))
    return found
