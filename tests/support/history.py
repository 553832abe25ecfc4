"""The import of the LMS's history, what it leaves in Kafka and ClickHouse, and what a system that ran then would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from schemas.wire.headers import RawHeaders, decode_headers, encode_headers
from schemas.wire.staff import TelemetryCommand, encode_command
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.lms import Lms, Stored

__all__ = ["FIGURES", "digests", "figures", "imported", "log", "ran_then", "refused"]

# Without the ids of webhooks, which count records: beside those of the LMS there are documents.
FIGURES = {
    "asset_daily": "SELECT * EXCEPT (computed_at, version) FROM {database:Identifier}.asset_daily ORDER BY ALL",
    "events": (
        "SELECT item_id, event, occurred_at, received_at, user_id, asset_slug, step_slug, exit_code, duration_ms, "
        "source FROM {database:Identifier}.events ORDER BY ALL"
    ),
    "scores": (
        "SELECT user_id, asset_slug, engagement_score, frustration_score, completion_rate, total_time_seconds, "
        "metrics, overlay, last_interaction_at FROM {database:Identifier}.scores ORDER BY ALL"
    ),
    "student_day": (
        "SELECT day, asset_slug, user_id, engagement_score, frustration_score, completion_rate "
        "FROM {database:Identifier}.student_day ORDER BY ALL"
    ),
}


def figures(clickhouse: Client, database: str) -> dict[str, list[tuple[Any, ...]]]:
    """What readers see of a system, by table."""
    return {
        name: [tuple(row) for row in clickhouse.query(query, {"database": database}).result_rows]
        for name, query in FIGURES.items()
    }


def digests(clickhouse: Client, database: str) -> dict[str, tuple[int, int]]:
    """The same of large tables: how many rows there are and a digest of them; of daily figures nothing, they follow."""
    found = {}
    for name, query in FIGURES.items():
        if name != "asset_daily":
            whole = f"SELECT count(), sum(sipHash64(*)) FROM ({query.removesuffix(' ORDER BY ALL')})"
            ((count, digest),) = clickhouse.query(whole, {"database": database}).result_rows
            found[name] = (int(count), int(digest))
    return found


def log(settings: Settings) -> list[tuple[bytes | None, str, int, bytes | None]]:
    """Key, receipt, arrival and value of every record of the raw topic, partition by partition in its order."""
    read = asyncio.run(read_all(settings.kafka, Topics.of(settings).raw, settings.partitions))
    return [
        (record.key, decode_headers(record.headers).receipt or "", record.timestamp, record.value)
        for partition in read
        for record in partition
    ]


def imported(*arguments: object) -> str:
    """What the import said, which went well."""
    outcome = command("import", "lms", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.out


def refused(*arguments: object) -> str:
    """Why it did not go well."""
    outcome = command("import", "lms", *arguments)
    assert outcome.code == 1, outcome.out
    return outcome.complaint


def ran_then(settings: Settings, history: Lms, commands: list[Stored]) -> None:
    """Write what a gateway had written then, and staff's commands when they were given."""
    written = [
        (at, str(payload["user_id"]).encode(), orjson.dumps(payload), RawHeaders(receipt=f"r{number}"))
        for number, (at, payload) in enumerate(history.webhooks)
    ]
    staff = RawHeaders(source="staff", permitted=True, capabilities=("crud_telemetry",))
    for row in commands:
        command_ = TelemetryCommand("telemetry.upsert", str(row.user), row.slug, row.scores)
        written.append((row.at, str(row.user).encode(), encode_command(command_), staff))
    written.sort(key=lambda one: one[0])
    records = [(None, key, value, encode_headers(headers)) for _, key, value, headers in written]
    times = [at for at, *_ in written]
    asyncio.run(produce(settings.kafka, Topics.of(settings).raw, records, timestamps=times))
