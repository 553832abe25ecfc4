"""A system on a broker that refuses what is not granted: each part is a user of its own, with its rights."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

import clickhouse_connect
import orjson

from deploy.local.resources import free_port
from operations.acls import Acl, Part, acls_of, principal_of
from operations.granting import grant_rights
from schemas.settings import PREFIX, Settings
from tests.support.commands import Outcome, command
from tests.support.revoking import revoke_right
from tests.support.secured_kafka import ADMIN, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.support.processes import Child, Processes
    from tests.support.secured_kafka import SecuredKafka

__all__ = ["SecuredSystem"]


@dataclass(slots=True)
class SecuredSystem:
    """Topics and a database that no other has; nothing is granted or made before `prepare`.

    Every command and part begins with the settings of its own user, of the administrator where that is None.
    """

    secured: SecuredKafka
    clickhouse: str
    directory: Path
    prefix: str = field(default_factory=lambda: f"s{uuid.uuid4().hex[:8]}.")
    port: int = field(default_factory=free_port)

    def given(self, part: Part | None) -> dict[str, Any]:
        """The settings of a part, by name."""
        return {
            **self.secured.as_user(ADMIN if part is None else user_of(part)),
            "clickhouse": self.clickhouse,
            "database": self.database,
            "topic_prefix": self.prefix,
            "partitions": 2,
            "data": self.directory / "data",
            "spool": self.directory / "spool",
            "gateway_bind": f"127.0.0.1:{self.port}",
            "gateway_url": self.url,
        }

    @property
    def database(self) -> str:
        """The database that readers use."""
        return self.prefix.rstrip(".")

    @property
    def url(self) -> str:
        """Where the gateway is, once it is started."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, part: Part | None = None) -> Settings:
        """The settings of a part."""
        return Settings(_env_file=None, **self.given(part))

    def prepare(self) -> None:
        """Give every user its rights, and let that of `setup` make topics and tables."""
        administrator = self.settings()
        for part in Part:
            asyncio.run(grant_rights(administrator, acls_of(part, administrator), principal_of(part)))
        done = self.run(Part.SETUP, "setup")
        assert done.code == 0, done.err

    def run(self, part: Part | None, *arguments: object) -> Outcome:
        """Run a command as a part's user."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with mock.patch.dict(os.environ, kept | self.environment(part), clear=True):
            return command(*arguments)

    def environment(self, part: Part | None) -> dict[str, str]:
        """The variables of a part's process."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in self.given(part).items()}

    def start(self, part: Part, processes: Processes) -> Child:
        """Start a part, whose ready file is named as it is."""
        own = self.environment(part)
        arguments = ["--ready-file", str(self.ready(part))]
        if part is Part.MONITOR:
            own, arguments = own | {f"{PREFIX}METRICS_BIND": f"127.0.0.1:{free_port()}"}, []
        self.ready(part).unlink(missing_ok=True)
        return processes.start([sys.executable, "-m", "deploy.cli", part, *arguments], own)

    def ready(self, part: Part) -> Path:
        """Exists while a part is ready; the monitor has none."""
        return self.directory / f"{part}.ready"

    def findings(self, part: Part) -> list[str]:
        """What the doctor says is wrong, asked as a part's user."""
        outcome = self.run(part, "doctor", "--part", part, "--json")
        wrong = [one["detail"] for one in orjson.loads(outcome.out) if one["state"] != "ok"]
        assert outcome.code == int(bool(wrong)), outcome.err
        return wrong

    @contextlib.contextmanager
    def without(self, part: Part, right: Acl) -> Iterator[None]:
        """Let a part lack a right for a while."""
        administrator = self.settings()
        asyncio.run(revoke_right(administrator, right, principal_of(part)))
        try:
            yield
        finally:
            asyncio.run(grant_rights(administrator, [right], principal_of(part)))

    def denied(self) -> list[tuple[str, str, str]]:
        """Who was refused what of this system by the broker so far."""
        return self.secured.denied(self.prefix)

    def rows(self, query: str) -> list[Any]:
        """What ClickHouse answers."""
        with contextlib.closing(self._client(database=self.database)) as client:
            return list(client.query(query).result_rows)

    def remove_databases(self) -> None:
        """Drop what it has in ClickHouse; its topics end with the broker."""
        with contextlib.closing(self._client()) as client:
            for database in (self.database, f"{self.database}_g1"):
                client.command(f"DROP DATABASE IF EXISTS {database} SYNC")

    def _client(self, **more: Any) -> Client:
        return clickhouse_connect.get_client(dsn=self.clickhouse, autogenerate_session_id=False, **more)
