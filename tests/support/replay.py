"""Histories worth replaying, the command that replays them, and what the tables then say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import orjson
from aiokafka.admin import AIOKafkaAdminClient

from deploy.demo.documents import demo_documents
from operations.generations.journal import read_journal
from schemas.wire.rows import GENERATION_TABLES
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_all
from sinks.templates import Installation
from tests.support.arrived import in_every_table
from tests.support.commands import as_environment
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.generations import Journal
    from tests.support.http_system import HttpSystem
    from tests.support.processes import Child

__all__ = ["comparison", "contents", "journal", "leftovers", "live_a_while", "replay", "start_replay", "stored"]

_ME = "/v1/assignment/me/telemetry"
_LOG = "/v1/assignment/academy/learnpack/webhook"
_RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
# What says how many workers there are to be, or has none.
_WITHOUT = {"--workers", "status", "drop", "--student", "--asset", "--academy"}
_INCIDENTAL = {"written_at", "computed_at", "scores_seen", "facts_seen", "deleted"}


def start_replay(system: HttpSystem, *arguments: str) -> Child:
    """Start the command `replay` with this system's environment; with one worker if nothing else is said."""
    workers = [] if _WITHOUT & {*arguments} else ["--workers", "1"]
    command = [sys.executable, "-m", "deploy.cli", "replay", *arguments, *workers]
    own = {"TELEMETRY_DIRECTORY": system.settings.directory}
    return system.processes.start(command, {**as_environment(system.settings), **own})


def replay(system: HttpSystem, *arguments: str) -> str:
    """Run it to its end; returns its output and raises AssertionError if it fails."""
    child = start_replay(system, *arguments)
    code = child.process.wait(180)
    assert code == 0, child.output
    return child.output


def journal(settings: Settings) -> Journal:
    """The journal of generations."""
    return asyncio.run(read_journal(settings))


def comparison(system: HttpSystem, generation: int) -> dict[str, Any]:
    """The comparison that a replay has saved."""
    path = system.settings.data.absolute() / "replay" / f"comparison-g{generation}.json"
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def live_a_while(system: HttpSystem) -> int:
    """Real documents, streamed events, staff commands, rules that come and go, errors that are deleted.

    Returns how many webhooks there are in the log's raw topic, once all of them are processed and in every table.
    """
    # A rule counts as it is when a chunk is committed, so each step waits for the one before it.
    sent = 0
    with system.client() as client:

        def post(payload: dict[str, Any] | bytes, **params: Any) -> None:
            nonlocal sent
            body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
            answer = client.post(_ME, content=body, params=params)
            assert answer.text == "ok", answer.text
            sent += 1

        def events(first: int) -> None:
            for number in range(first, first + 20):
                at = int(time.time() * 1000) - 100_000 + number * 1_000
                post(
                    {
                        "telemetry_id": f"run-{number % 4}",
                        "user_id": 500 + number % 4,
                        "slug": f"step-{number % 3}",
                        "step_position": number % 3,
                        "package_slug": "everybodys",
                        "event": ("compile", "open_step", "test")[number % 3],
                        "data": {"starting_at": at, "ended_at": at + 500, "exit_code": number % 2},
                    }
                )

        def rules(rules: list[dict[str, Any]], named: dict[str, Any]) -> None:
            # Not before the worker judges by them: which rules it had would otherwise be chance.
            assert client.put(_RULES, json={"rules": rules}).is_success

            def ignored() -> int:
                return int(system.query("SELECT count() FROM webhooks WHERE verdict = 'ignored'")[0][0])

            def in_force() -> bool:
                # Each try is a webhook of its own: a second one of the same would be a duplicate by other rules.
                tries = {"slug": "s", "package_slug": "everybodys", "telemetry_id": f"rules-{sent}"}
                post(named | tries)
                stored(system, sent)
                return ignored() > before

            before = ignored()
            eventually(in_force, 60, "the rules to be in force")

        for document in demo_documents():
            post(document)
        events(0)
        post({"user_id": 500, "slug": "s", "event": "nope"})
        post({"user_id": 501, "slug": "s", "event": "nope"})
        stored(system, sent)
        rules([{"events": ["compile"]}], {"event": "compile", "user_id": 500})
        events(20)
        stored(system, sent)
        rules([{"user_ids": [502]}], {"event": "test", "user_id": 502})
        events(40)
        stored(system, sent)
        for slug, score in (("everybodys", 12.5), ("elsewhere", 50)):
            path = f"/v1/assignment/academy/asset/{slug}/user/1234/telemetry"
            assert client.post(path, json={"engagement_score": score, "telemetry": {"steps": []}}).is_success
            sent += 1
        rows = client.get(_LOG, params={"status": "ERROR"}).json()["results"]
        assert client.delete(f"{_LOG}/{rows[0]['id']}").status_code == 204
        sent += 1
    stored(system, sent)
    in_every_table(system.settings)
    _refresh_days(system)
    return sent


def _refresh_days(system: HttpSystem) -> None:
    # They would follow in a beat of their own.
    client = connect(system.settings)
    with contextlib.closing(client):
        refresh_all(client, Installation.of(system.settings))


def stored(system: HttpSystem, count: int, *, deleted: int = 1) -> None:
    """Wait until there are so many raw webhooks and all have an outcome, but as many as were deleted at most."""

    def done() -> bool:
        (row,) = system.query(
            "SELECT (SELECT count() FROM raw), (SELECT count() FROM raw WHERE id NOT IN (SELECT id FROM webhooks))"
        )
        return int(row[0]) >= count and int(row[1]) <= deleted

    eventually(done, 60, f"{count} processed webhooks")


def contents(settings: Settings, generation: int) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables of a generation say, without when it was written."""
    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value(), autogenerate_session_id=False)
    found: dict[str, list[tuple[Any, ...]]] = {}
    with contextlib.closing(client):
        for table in GENERATION_TABLES:
            left_out = _INCIDENTAL | ({"version"} if table.name == "asset_daily" else set())
            names = ", ".join(f"toString({name})" for name in table.names if name not in left_out)
            rows = client.query(f"SELECT {names} FROM {settings.database}_g{generation}.{table.name} FINAL").result_rows
            found[table.name] = sorted(tuple(map(str, row)) for row in rows)
    return found


def leftovers(settings: Settings) -> set[str]:
    """Every topic, consumer group and database of the system."""

    async def of_kafka() -> set[str]:
        admin = AIOKafkaAdminClient(**settings.kafka_options())
        await admin.start()
        try:
            groups = {f"group {name}" for name, *_ in await admin.list_consumer_groups()}
            return groups | {f"topic {name}" for name in await admin.list_topics()}
        finally:
            await admin.close()

    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value(), autogenerate_session_id=False)
    with contextlib.closing(client):
        databases = {f"database {name}" for (name,) in client.query("SHOW DATABASES").result_rows}
    directories = (
        {f"directory {entry.name}" for entry in os.scandir(settings.data / "replay") if entry.is_dir()}
        if (settings.data / "replay").exists()
        else set()
    )
    own = settings.topic_prefix.rstrip(".")
    return {name for name in asyncio.run(of_kafka()) | databases if own in name} | directories
