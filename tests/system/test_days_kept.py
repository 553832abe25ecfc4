"""What has expired goes by what tables and topic keep: commands that were told otherwise, or nothing, say the same."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from operations.retention import days_stored
from operations.roles import READER, roles
from operations.table_setup import setup_tables
from schemas.days_kept import DaysKept
from schemas.settings import Settings
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from sinks.templates import Installation
from tests.chaos.kafka import admin, produce
from tests.support.commands import command
from tests.support.operators import document
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.support.processes import Child

pytestmark = pytest.mark.system

_DAYS_AGO: Final = 100


def _send_of_old(place: Settings, *students: int) -> None:
    """Webhooks that arrived a hundred days ago, on partition 0."""
    headers = encode_headers(RawHeaders(academy=4))
    records = [(0, b"%d" % student, document(student), headers) for student in students]
    arrived = time.time_ns() // 1_000_000 - _DAYS_AGO * 86_400_000
    asyncio.run(produce(place.kafka, Topics.of(place).raw, records, timestamps=[arrived] * len(records)))


def _kept(place: Settings, **days: int) -> None:
    """Have the tables keep so much, by somebody who has set it."""
    setup_tables(place.model_copy(update={f"{name}_retention_days": count for name, count in days.items()}))


def _waits_for(webhook: int) -> str:
    """What `trace` says of it."""
    return str(orjson.loads(command("trace", webhook, "--json").out)["waits_for"])


def test_what_the_tables_keep_is_waited_for_and_recomputed(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client, database: str
) -> None:
    """They keep more than these commands' default: an old outcome comes yet, and one that is lost is brought back."""
    _kept(installed, webhook=4000)
    _send_of_old(installed, 7, 8)
    start_part("worker")
    eventually(lambda: not _waits_for(1).startswith("the worker:"), 60, "the worker")
    assert _waits_for(1) == "the sink: the worker has processed it, its outcome is not stored yet"

    start_part("sink")
    outcomes = f"SELECT count() FROM {database}_g1.webhooks"
    eventually(lambda: clickhouse.command(outcomes) == 2, 60, "the outcomes")
    eventually(lambda: _waits_for(1) == "", 60, "its row")
    clickhouse.command(f"DELETE FROM {database}_g1.webhooks WHERE id = 1")
    assert clickhouse.command(outcomes) == 1

    assert installed.webhook_retention_days < _DAYS_AGO
    replayed = command("replay", "--student", 8, "--dry-run")
    assert replayed.code == 0, replayed.err
    (table,) = [one for one in _comparison(installed)["tables"] if one["table"] == "webhooks"]
    assert (table["live"], table["new"], table["only_new"]) == (0, 1, 1)


def _comparison(place: Settings) -> dict[str, Any]:
    path = place.data.absolute() / "replay" / "comparison-part.json"
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def test_nobody_waits_for_what_tables_and_topic_have_removed(
    installed: Settings,
    start_part: Callable[..., Child],
    clickhouse: Client,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They keep less than these commands were told: an outcome, a row and a record of long ago have expired."""
    _send_of_old(installed, 7)
    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks MODIFY TTL toDateTime(created_at) + INTERVAL 12 DAY")
    for name in ("WEBHOOK", "RAW"):
        monkeypatch.setenv(f"TELEMETRY_{name}_RETENTION_DAYS", "4000")
    start_part("worker")
    eventually(lambda: not _waits_for(0).startswith("the worker:"), 60, "the worker")

    assert _waits_for(0) == "nothing: its outcome has expired, for outcomes are kept for 12 days"

    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks MODIFY TTL toDateTime(created_at) + INTERVAL 4000 DAY")
    clickhouse.command(f"ALTER TABLE {database}.raw MODIFY TTL toDateTime(received_at) + INTERVAL 7 DAY")
    # Of a record that is not there any more.
    clickhouse.command(
        f"INSERT INTO {database}_g1.webhooks (id, status, verdict, created_at)"
        f" VALUES (9, 'DONE', 'stored', now64(3) - INTERVAL {_DAYS_AGO} DAY)"
    )
    assert _waits_for(9) == "nothing: its row in `raw` has expired, which keeps rows for 7 days"
    assert "arrived     its record is no longer in the raw topic, which keeps records for 365 days\n" in (
        command("trace", 9).out
    )


def test_what_is_left_of_a_webhook_that_has_gone_is_shown(
    installed: Settings, clickhouse: Client, database: str
) -> None:
    """Its facts, with what has expired; one of which nothing is left has expired, too, and never was another one."""
    _send_of_old(installed, 7, 8, 9)
    raw = Topics.of(installed).raw
    asyncio.run(_remove(installed, raw, before=2))
    clickhouse.command(
        f"INSERT INTO {database}_g1.events (event, received_at, actor, user_id, asset_slug, step_slug, webhook_id)"
        f" VALUES ('compile', now64(3) - INTERVAL {_DAYS_AGO} DAY, '7', 7, 'lists', '00', 0)"
    )

    told = command("trace", 0)
    assert told.code == 0, told.err
    assert "arrived     its record is no longer in the raw topic, which keeps records for 365 days\n" in told.out
    assert "facts       1 compile of step 00 in lists\n" in told.out
    assert _waits_for(0) == "nothing: its record, its row in `raw` and its outcome have expired"
    log = f"{raw}[0] begins at offset 2, for records are kept for 365 days"
    gone = command("trace", 1)
    assert (gone.code, gone.out) == (1, "")
    assert gone.complaint == f"error: webhook 1 has expired: {log}, and no row of that id is left."
    assert command("trace", 3).complaint.startswith(f"error: no webhook 3: neither {raw}[0]@3 nor a row")


async def _remove(place: Settings, topic: str, before: int) -> None:
    """Have Kafka remove what partition 0 has below an offset, as retention does."""
    async with admin(place.kafka) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})


def test_tables_that_a_user_may_not_see_keep_what_the_log_says(tmp_path: Path) -> None:
    """A reader's role sees `raw` and the log; the owner of all, the table of outcomes as it is."""
    (reader,) = [role for role in roles(Installation("telemetry", 1)) if role.name == READER]
    with ClickHouseServer(tmp_path, user="t", password="p", analyst=Analyst("a", "q", reader.grants)) as server:
        asked = Settings(_env_file=None, clickhouse=server.url)
        owner = clickhouse_connect.get_client(dsn=server.url, autogenerate_session_id=False)
        looks = clickhouse_connect.get_client(dsn=server.analyst_url, autogenerate_session_id=False)
        assert days_stored(owner, asked) == DaysKept(None, None, None)
        setup_tables(Settings(_env_file=None, clickhouse=server.url, raw_retention_days=99, webhook_retention_days=77))

        assert days_stored(owner, asked) == days_stored(looks, asked) == DaysKept(99, 79, 77)
        owner.command("ALTER TABLE telemetry_g1.webhooks MODIFY TTL toDateTime(created_at) + INTERVAL 10 DAY")
        owner.command("ALTER TABLE telemetry.raw REMOVE TTL")
        assert days_stored(owner, asked) == DaysKept(None, 10, 77)
        assert days_stored(looks, asked) == DaysKept(None, 79, 77)
        owner.close()
        looks.close()
