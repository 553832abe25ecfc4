"""The state of a running system on one page: parts, lag, rows, last error."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["Lag", "Status", "collect_status"]

_TABLES: Final = ("raw", "webhooks", "events", "scores", "telemetry", "asset_daily", "dead_letters")
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer group is behind in a topic, in records, and whether it has members."""

    group: str
    topic: str
    lag: int


@dataclass(slots=True)
class Status:
    """What `status` shows; `parts` maps a part to `ok` or what is wrong with it."""

    parts: dict[str, str] = field(default_factory=dict)
    lag: list[Lag] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    last_error: dict[str, Any] | None = None

    @property
    def healthy(self) -> bool:
        """Whether every part works."""
        return set(self.parts.values()) == {"ok"}

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**asdict(self), "healthy": self.healthy}


async def collect_status(settings: Settings) -> Status:
    """Ask every part; one that does not answer is reported, not raised."""
    status = Status()
    await _gateway(settings, status)
    try:
        async with asyncio.timeout(2 * _TIMEOUT_SECONDS):
            await _kafka(settings, status)
        status.parts.setdefault("kafka", "ok")
    except (KafkaError, OSError, TimeoutError) as error:
        status.parts["kafka"] = f"does not answer at {settings.kafka}: {error or type(error).__name__}"
    try:
        await asyncio.to_thread(_clickhouse, settings, status)
        status.parts["clickhouse"] = "ok"
    except (ClickHouseError, OSError) as error:
        status.parts["clickhouse"] = f"does not answer: {str(error).splitlines()[0]}"
    return status


async def _gateway(settings: Settings, status: Status) -> None:
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            response = await client.get(f"{settings.gateway_url}/health/ready")
    except httpx.HTTPError as error:
        status.parts["gateway"] = f"does not answer at {settings.gateway_url}: {error!r}"
        return
    status.parts["gateway"] = "ok" if response.is_success else f"not ready: {response.text[:200]}"
    if response.is_success and (damaged := response.json().get("damaged_spool_segments")):
        status.parts["gateway"] = f"{damaged} damaged spool segments: run `learnpack-telemetry doctor`"


async def _kafka(settings: Settings, status: Status) -> None:
    topics = Topics.of(settings)
    options = settings.kafka_options()
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    await consumer.start()
    try:
        listed = await admin.list_consumer_groups()
        groups = sorted({name for name, *_ in listed if str(name).startswith(topics.prefix)})
        for group in groups:
            offsets = await admin.list_consumer_group_offsets(group)
            ends = await consumer.end_offsets(list(offsets))
            lag: dict[str, int] = {}
            for partition, committed in offsets.items():
                behind = max(0, ends[partition] - committed.offset)
                lag[partition.topic] = lag.get(partition.topic, 0) + behind
            status.lag += [Lag(group, topic, behind) for topic, behind in sorted(lag.items())]
        for part, prefix in (("worker", topics.application), ("sink", f"{topics.prefix}sink")):
            members = await _members(admin, [group for group in groups if group.startswith(prefix)])
            status.parts[part] = "ok" if members else "no process runs"
    finally:
        await consumer.stop()
        await admin.close()


async def _members(admin: AIOKafkaAdminClient, groups: list[str]) -> int:
    members = 0
    for group in groups:
        # One group a request: aiokafka 0.14 misreads an answer about several.
        for response in await admin.describe_consumer_groups([group]):
            members += sum(len(described[5]) for described in response.groups)
    return members


def _clickhouse(settings: Settings, status: Status) -> None:
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(),
        database=settings.database,
        autogenerate_session_id=False,
        connect_timeout=int(_TIMEOUT_SECONDS),
    )
    try:
        for table in _TABLES:
            status.rows[table] = int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])  # noqa: S608 - of _TABLES
        errors = client.query(
            "SELECT toString(updated_at), toString(id), verdict, status_text FROM webhooks "
            "WHERE status = 'ERROR' ORDER BY updated_at DESC LIMIT 1"
        ).result_rows
    finally:
        client.close()
    if errors:
        status.last_error = dict(zip(("at", "webhook", "verdict", "text"), errors[0], strict=True))
