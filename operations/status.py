"""The state of a running system on one page: parts, lag, rows, last error."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from broker import clients
from broker.committed import members
from broker.partitioning import topic_partitions
from operations.absence import absence, address_of
from operations.asking import NO_ANSWER, ask
from operations.generations.journal import named_beside_live, read_journal
from operations.generations.raw_topic import wrong_raw_topic
from operations.lag import Lag, collect_lag, readings
from operations.restart_record import read_record, restarting
from operations.topic_fit import misfits
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["Lag", "Restarts", "Status", "collect_status"]

_TABLES: Final = ("raw", "webhooks", "events", "scores", "telemetry", "asset_daily", "dead_letters")
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a part that `up` runs has ended since `up` began, and how the last time."""

    count: int
    last: str


@dataclass(slots=True)
class Status:
    """What `status` shows; `parts` maps a part to `ok` or what is wrong with it, `notes` tell what works as it is."""

    parts: dict[str, str] = field(default_factory=dict)
    lag: list[Lag] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    last_error: dict[str, Any] | None = None
    restarts: dict[str, Restarts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

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
        async with asyncio.timeout(4 * _TIMEOUT_SECONDS):
            await _kafka(settings, status)
        status.parts.setdefault("kafka", "ok")
    except (KafkaError, OSError, TimeoutError, JournalError) as error:
        away = absence(error, settings.kafka, "TELEMETRY_KAFKA")
        status.parts["kafka"] = str(away or f"fails at {settings.kafka}: {error or type(error).__name__}")
    try:
        await asyncio.to_thread(_clickhouse, settings, status)
        status.parts["clickhouse"] = "ok"
    except (ClickHouseError, OSError) as error:
        address = address_of(settings.clickhouse)
        away = absence(error, address, "TELEMETRY_CLICKHOUSE")
        status.parts["clickhouse"] = str(away or f"fails at {address}: {str(error).splitlines()[0]}")
    _supervised(settings, status)
    return status


async def _gateway(settings: Settings, status: Status) -> None:
    try:
        answer = await ask(f"{settings.gateway_url}/health/ready", timeout_seconds=_TIMEOUT_SECONDS)
    except NO_ANSWER as error:
        away = absence(error, settings.gateway_url, "TELEMETRY_GATEWAY_URL")
        status.parts["gateway"] = str(away or f"fails at {settings.gateway_url}: {error!r}")
        return
    try:
        body = dict(answer.json())
    except (ValueError, TypeError):
        body = {}
    # What it says of other parts is said of them.
    served = answer.good or all(body.get(need) is True for need in ("kafka", "clickhouse", "views"))
    status.parts["gateway"] = "ok" if served else f"not ready: {answer.text[:200]}"
    if served and (damaged := body.get("damaged_spool_segments")):
        status.parts["gateway"] = f"{damaged} damaged spool segments: run `learnpack-telemetry doctor`"


async def _kafka(settings: Settings, status: Status) -> None:
    wanted = readings(settings, journal := await read_journal(settings))
    if wrong := wrong_raw_topic(settings, journal):
        status.parts["kafka"] = f"{wrong.detail}. {wrong.mend}."
    if beside := named_beside_live(settings, journal):
        detail, mend = beside
        status.notes.append(f"{detail[0].upper()}{detail[1:]}. {mend}.")
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        for part in ("worker", "sink"):
            groups = {reading.group for reading in wanted if reading.part == part}
            idle = [group for group in sorted(groups) if not await members(admin, group)]
            trouble = f"no process of {', '.join(idle)} runs" if len(idle) < len(groups) else "no process runs"
            status.parts[part] = trouble if idle else "ok"
        partitions = await topic_partitions(admin)
        # Of a wrong topic they would say what is right of the other one.
        for misfit in () if wrong else misfits(settings, partitions):
            told = f"{misfit.topic} {misfit.detail}. {misfit.mend}."
            if misfit.harmless:
                status.notes.append(told)
            else:
                status.parts.setdefault("kafka", told)
        status.lag += await collect_lag(settings, admin, wanted, partitions)


def _supervised(settings: Settings, status: Status) -> None:
    """What `up` knows of its parts: it sees at once that one has ended, and that one ends again and again."""
    status.restarts = {
        name: Restarts(part.restarts, part.last) for name, part in read_record(settings.data).items() if part.restarts
    }
    for name, trouble in restarting(settings.data, time.time()).items():
        part = name.partition("-")[0]
        status.parts[part] = f"{name} {trouble}"


def _clickhouse(settings: Settings, status: Status) -> None:
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(),
        database=settings.database,
        autogenerate_session_id=False,
        connect_timeout=int(_TIMEOUT_SECONDS),
    )
    try:
        for table in _TABLES:
            count = f"SELECT count() FROM {table} FINAL"  # noqa: S608 - of _TABLES
            status.rows[table] = int(client.query(count).result_rows[0][0])
        errors = client.query(
            "SELECT toString(updated_at), toString(id), verdict, status_text FROM webhooks "
            "WHERE status = 'ERROR' ORDER BY updated_at DESC LIMIT 1"
        ).result_rows
    finally:
        client.close()
    if errors:
        status.last_error = dict(zip(("at", "webhook", "verdict", "text"), errors[0], strict=True))
