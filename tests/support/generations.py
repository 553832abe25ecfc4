"""Two systems on one set of servers: the same webhooks through two logs, and whether their tables agree."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from operations.table_setup import setup_tables
from tests.support.commands import as_environment, command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

__all__ = ["TABLES", "Generation", "rows_of"]

# Without what is written by the clock of the moment.
TABLES = {
    "events": "* EXCEPT (written_at)",
    "webhooks": "*",
    "telemetry": "*",
    "claims": "* EXCEPT (written_at)",
    "scores": "*",
    "student_day": "* EXCEPT (written_at)",
}


def rows_of(clickhouse: Client, database: str, table: str) -> list[tuple[Any, ...]]:
    """Every row of a generation's table as readers see it, in order."""
    found = clickhouse.query(
        f"SELECT toString(tuple({TABLES[table]})) AS line FROM {database}.{table} FINAL ORDER BY 1"
    )
    return [tuple(row) for row in found.result_rows]


def _settled(ready: Path, child: Child) -> bool:
    return ready.exists() or child.process.poll() is not None


@dataclass(slots=True)
class Generation:
    """A worker and a sink on the topics and tables of these settings."""

    settings: Settings
    processes: Processes
    directory: Path
    children: list[Child] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes and commands read."""
        own = {
            "GENERATION": str(self.settings.generation),
            "RAW_TOPIC": self.settings.raw_topic,
            "WEBHOOK_RETENTION_DAYS": str(self.settings.webhook_retention_days),
        }
        return {**as_environment(self.settings), **{f"TELEMETRY_{name}": value for name, value in own.items()}}

    def start(self, *parts: str) -> None:
        """Start both, or the parts that are named, and wait until they are ready."""
        for part in parts or ("worker", "sink"):
            ready = self.directory / f"{part}-g{self.settings.generation}.ready"
            data = ["--data", str(self.directory / f"g{self.settings.generation}")] if part == "worker" else []
            arguments = [sys.executable, "-m", "deploy.cli", part, "--ready-file", str(ready), *data]
            child = self.processes.start(arguments, self.environment)
            self.children.append(child)
            eventually(partial(_settled, ready, child), 90, part)
            assert ready.exists(), child.output

    def stop(self) -> None:
        """End both."""
        for child in self.children:
            child.terminate()
        self.children.clear()

    def setup(self) -> str:
        """Create its topics and tables; what `setup` said."""
        setup_tables(self.settings)
        outcome = command("setup")
        assert outcome.code == 0, outcome.err
        return outcome.out
