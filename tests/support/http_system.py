"""Gateway, worker and sink as processes, on topics and a database of their own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import httpx
import orjson
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.resources import free_port
from operations.directory import publish_reference
from operations.table_setup import setup_tables
from operations.tokens import grant
from operations.topics import setup_topics
from schemas.settings import Settings
from schemas.wire.topics import Topics
from tests.support.commands import as_environment
from tests.support.http_directory import ASSETS, TASKS, TOKENS, USERS, secret
from tests.support.plain_http import PLAIN
from tests.support.processes import Child, Processes
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.support.stack import Stack

__all__ = ["UNLIMITED", "HttpSystem", "http_system"]
_START_SECONDS: Final = 120

# Tests send more than anybody.
UNLIMITED: Final = {
    f"TELEMETRY_{name}": "1000000000000"
    for name in ("RATE_LIMIT", "RATE_LIMIT_BYTES", "INGEST_RATE_LIMIT", "INGEST_RATE_LIMIT_BYTES")
}


@dataclass
class HttpSystem:
    """A running system; `settings` are the gateway's."""

    settings: Settings
    processes: Processes
    directory: Path
    gateway: Child = field(init=False)
    _number: int = 0
    _questions: Client | None = None

    @property
    def url(self) -> str:
        """Where its gateway is."""
        return self.settings.gateway_url

    def client(self, who: str | None = "staff", academy: int | str | None = 1, **headers: str) -> httpx.Client:
        """A client with the headers of a token of TOKENS and of an academy."""
        sent = dict(headers)
        if who is not None:
            sent["Authorization"] = f"Token {secret(who)}"
        if academy is not None:
            sent["Academy"] = str(academy)
        return httpx.Client(base_url=self.url, headers=sent, timeout=30, verify=PLAIN)

    def start(self, part: str, environment: Mapping[str, str] | None = None, *options: str) -> Child:
        """Start a part and wait until it is ready."""
        return self.begin(part, environment, *options)()

    def begin(self, part: str, environment: Mapping[str, str] | None = None, *options: str) -> Callable[[], Child]:
        """Start a part; the call of what is returned waits until it is ready and returns its process."""
        self._number += 1
        ready = self.directory / f"{part}-{self._number}.ready"
        child = self.processes.start(
            [sys.executable, "-m", "deploy.cli", part, "--ready-file", str(ready), *options],
            {
                **as_environment(self.settings),
                "TELEMETRY_DIRECTORY": self.settings.directory,
                **(environment or {}),
            },
        )

        def wait() -> Child:
            eventually(lambda: ready.exists() or child.process.poll() is not None, _START_SECONDS, f"{part} ready")
            assert ready.exists(), child.output
            return child

        return wait

    @contextlib.contextmanager
    def another_gateway(self, **environment: str) -> Iterator[HttpSystem]:
        """A second gateway on the same topics and tables, with settings of its own."""
        port = free_port()
        directory = self.directory / f"gateway-{port}"
        directory.mkdir()
        settings = self.settings.model_copy(
            update={
                "gateway_bind": f"127.0.0.1:{port}",
                "gateway_url": f"http://127.0.0.1:{port}",
                "spool": directory / "spool",
            }
        )
        second = HttpSystem(settings, self.processes, directory)
        second.gateway = second.start("gateway", environment)
        try:
            yield second
        finally:
            second.close()
            second.gateway.terminate()

    def close(self) -> None:
        """Close what `query` has opened."""
        if self._questions is not None:
            self._questions.close()
            self._questions = None

    def query(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Rows of a query in its database."""
        rows: Sequence[Sequence[Any]] = self._asked.query(sql, parameters=parameters).result_rows
        return rows

    def named(self, sql: str) -> list[dict[str, Any]]:
        """The same by column."""
        return list(self._asked.query(sql).named_results())

    @property
    def _asked(self) -> Client:
        if self._questions is None:
            # Kept, since to open one takes four questions.
            self._questions = clickhouse_connect.get_client(
                dsn=self.settings.clickhouse.get_secret_value(),
                database=self.settings.database,
                autogenerate_session_id=False,
            )
        return self._questions

    def settled(
        self, count: int = 1, who: str = "staff", academy: int | None = 1, **where: Any
    ) -> list[dict[str, Any]]:
        """The rows of the log for these filters, once there are that many, none is pending and each has its payload.

        `who` looks, in `academy`: who sees other webhooks has to wait for those.
        """

        def rows() -> list[dict[str, Any]]:
            answer = client.get("/v1/assignment/academy/learnpack/webhook", params={"limit": 1000, **where})
            found: list[dict[str, Any]] = answer.json()["results"]
            whole = all(row["status"] != "PENDING" and row["payload"] is not None for row in found)
            return found if whole and len(found) >= count else []

        with self.client(who, academy) as client:
            return eventually(rows, 90, f"{count} processed webhooks of {where}")


@contextlib.contextmanager
def http_system(
    stack: Stack, home: Path, /, parts: Sequence[str] = ("gateway", "worker", "sink"), **overrides: Any
) -> Iterator[HttpSystem]:
    """Start a strict system with the directory and tokens above; everything of it is gone afterwards."""
    name = f"t{uuid.uuid4().hex[:10]}"
    port = free_port()
    settings = Settings(
        _env_file=None,
        **{
            "kafka": stack.kafka,
            "clickhouse": stack.clickhouse,
            "database": name,
            "topic_prefix": f"{name}.",
            "partitions": 2,
            "directory": "strict",
            "data": home / "data",
            "spool": home / "spool",
            "gateway_bind": f"127.0.0.1:{port}",
            "gateway_url": f"http://127.0.0.1:{port}",
            **overrides,
        },
    )
    processes = Processes(home)
    system = HttpSystem(settings, processes, home)
    try:
        asyncio.run(_prepare(settings))
        setup_tables(settings)
        system.gateway = system.start(parts[0], UNLIMITED)
        for part in parts[1:]:
            system.start(part)
        yield system
    finally:
        system.close()
        processes.end_all()
        with contextlib.suppress(KafkaError):
            asyncio.run(_remove_topics(settings))
        _remove_databases(settings)


async def _prepare(settings: Settings) -> None:
    await setup_topics(settings)
    topics = Topics.of(settings)
    for topic, records in ((topics.assets, ASSETS), (topics.users, USERS), (topics.tasks, TASKS)):
        await publish_reference(settings, topic, [(b"%d" % one["id"], orjson.dumps(one)) for one in records])
    for name, token in TOKENS.items():
        await grant(settings, token, secret(name))


async def _remove_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        await admin.delete_topics(
            [name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)]
        )
    finally:
        await admin.close()


def _remove_databases(settings: Settings) -> None:
    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value(), autogenerate_session_id=False)
    with contextlib.closing(client):
        found = client.query(
            "SELECT name FROM system.databases WHERE name = {name:String} OR startsWith(name, {name:String} || '_')",
            parameters={"name": settings.database},
        )
        for (existing,) in found.result_rows:
            client.command(f"DROP DATABASE IF EXISTS `{existing}` SYNC")
