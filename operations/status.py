"""The state of a running system on one page: parts, lag, rows, last error."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from broker import clients
from broker.committed import members
from broker.partitioning import topic_partitions
from operations.absence import absence, address_of
from operations.asking import NO_ANSWER, ask
from operations.clickhouse import connected
from operations.disk import Disk, disk_of
from operations.generations.journal import at_live, named_beside_live, read_journal
from operations.generations.raw_topic import wrong_raw_topic
from operations.lag import Lag, collect_lag, readings
from operations.processes import PartProcess, part_processes
from operations.restart_record import read_record, restarting
from operations.row_counts import COUNTED, RowCounts
from operations.topic_fit import misfits
from schemas.errors import text_of
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["Lag", "Restarts", "Status", "collect_status"]

# Whether all tables can be read, without reading any.
_READABLE: Final = " UNION ALL ".join(f"SELECT 1 FROM {table} LIMIT 0" for table in COUNTED)  # noqa: S608 - of COUNTED
_BYTES: Final = """
SELECT sum(bytes_on_disk) FROM system.parts
WHERE active AND (database = {public:String} OR startsWith(database, {public:String} || '_g'))
"""
_TIMEOUT_SECONDS: Final = 5.0
_ORDER: Final = ("gateway", "worker", "sink", "kafka", "clickhouse")


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a part that `up` runs has ended since `up` began, and how the last time."""

    count: int
    last: str


@dataclass(slots=True)
class Status:
    """What `status` shows; `parts` maps a part to `ok` or what is wrong with it, `notes` tell what works as it is.

    `processes` and `disk` are of this machine, where `up` runs the system on it; `table_bytes` is what ClickHouse's
    tables take, None where it does not answer.
    """

    parts: dict[str, str] = field(default_factory=dict)
    lag: list[Lag] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    last_error: dict[str, Any] | None = None
    restarts: dict[str, Restarts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    processes: list[PartProcess] = field(default_factory=list)
    disk: Disk | None = None
    table_bytes: int | None = None

    @property
    def healthy(self) -> bool:
        """Whether every part works."""
        return set(self.parts.values()) == {"ok"}

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**asdict(self), "healthy": self.healthy}


async def collect_status(
    settings: Settings,
    seconds: float = _TIMEOUT_SECONDS,
    kafka_seconds: float = 4 * _TIMEOUT_SECONDS,
    *,
    counts: RowCounts | None = None,
    counted: bool = True,
    journal: asyncio.Future[Journal] | None = None,
) -> Status:
    """Ask every part, all at once; one that does not answer in so many seconds is reported, not raised.

    Unless `counted` ClickHouse is asked only whether its tables can be read: no rows, bytes and last error are told.
    `counts` remembers from one time to the next what was counted, `journal` is what comes of `read_journal` for whoever
    wants it, too.
    """
    reading = asyncio.ensure_future(read_journal(settings)) if journal is None else journal
    status = Status()
    await asyncio.gather(
        _gateway(settings, status, seconds),
        _all_of_kafka(settings, status, reading, kafka_seconds),
        asyncio.to_thread(_all_of_clickhouse, settings, status, seconds, (counts or RowCounts()) if counted else None),
        asyncio.to_thread(_machine, settings, status),
    )
    _supervised(settings, status)
    status.parts = {part: status.parts[part] for part in sorted(status.parts, key=_place)}
    return status


def _place(part: str) -> int:
    """In which order parts are told of."""
    return _ORDER.index(part) if part in _ORDER else len(_ORDER)


async def _all_of_kafka(settings: Settings, status: Status, journal: asyncio.Future[Journal], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            # Cancelled with this where it takes too long.
            await _kafka(settings, status, await journal)
        status.parts.setdefault("kafka", "ok")
    except (KafkaError, OSError, TimeoutError, JournalError) as error:
        away = absence(error, settings.kafka, "TELEMETRY_KAFKA")
        status.parts["kafka"] = str(away or f"fails at {settings.kafka}: {text_of(error)}")


def _all_of_clickhouse(settings: Settings, status: Status, seconds: float, counts: RowCounts | None) -> None:
    try:
        _clickhouse(settings, status, seconds, counts)
        status.parts["clickhouse"] = "ok"
    except (ClickHouseError, OSError) as error:
        address = address_of(settings.clickhouse)
        away = absence(error, address, "TELEMETRY_CLICKHOUSE")
        status.parts["clickhouse"] = str(away or f"fails at {address}: {str(error).splitlines()[0]}")


async def _gateway(settings: Settings, status: Status, seconds: float = _TIMEOUT_SECONDS) -> None:
    # It asks others before it says whether it is ready, and so may be as late as they; that it lives it says at once.
    lives, answer = await asyncio.gather(
        _lives(settings, seconds),
        ask(f"{settings.gateway_url}/health/ready", timeout_seconds=seconds),
        return_exceptions=True,
    )
    if isinstance(answer, NO_ANSWER):
        if lives is True:
            status.parts["gateway"] = "ok"
            status.notes.append(f"The gateway lives; what it waits for it did not say within {seconds:g} s.")
            return
        error = answer
        away = absence(error, settings.gateway_url, "TELEMETRY_GATEWAY_URL")
        status.parts["gateway"] = str(away or f"fails at {settings.gateway_url}: {error!r}")
        return
    if isinstance(answer, BaseException):
        raise answer
    try:
        body = dict(answer.json())
    except (ValueError, TypeError):
        body = {}
    # What it says of other parts is said of them.
    served = answer.good or all(body.get(need) is True for need in ("kafka", "clickhouse", "views"))
    status.parts["gateway"] = "ok" if served else f"not ready: {answer.text[:200]}"
    if served and (damaged := body.get("damaged_spool_segments")):
        status.parts["gateway"] = f"{damaged} damaged spool segments: run `learnpack-telemetry doctor`"


async def _lives(settings: Settings, seconds: float) -> bool:
    """Whether the gateway answers at all; raises NO_ANSWER."""
    return (await ask(f"{settings.gateway_url}/health/live", timeout_seconds=seconds)).good


async def _kafka(settings: Settings, status: Status, journal: Journal) -> None:
    settings = at_live(settings, journal)
    wanted = readings(settings, journal)
    if wrong := wrong_raw_topic(settings, journal):
        status.parts["kafka"] = f"{wrong.detail}. {wrong.mend}."
    if beside := named_beside_live(settings, journal):
        detail, mend = beside
        status.notes.append(f"{detail[0].upper()}{detail[1:]}. {mend}.")
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        groups = sorted({(reading.part, reading.group) for reading in wanted})
        partitions, living = await asyncio.gather(
            topic_partitions(admin), asyncio.gather(*(members(admin, group) for _, group in groups))
        )
        for part in ("worker", "sink"):
            own = {group: count for (of, group), count in zip(groups, living, strict=True) if of == part}
            idle = [group for group, count in own.items() if not count]
            trouble = f"no process of {', '.join(idle)} runs" if len(idle) < len(own) else "no process runs"
            status.parts[part] = trouble if idle else "ok"
        # Of a wrong topic they would say what is right of the other one.
        for misfit in () if wrong else misfits(settings, partitions):
            told = f"{misfit.topic} {misfit.detail}. {misfit.mend}."
            if misfit.harmless:
                status.notes.append(told)
            else:
                status.parts.setdefault("kafka", told)
        status.lag += await collect_lag(settings, admin, wanted, partitions)


def _machine(settings: Settings, status: Status) -> None:
    """What this machine knows: the parts that `up` runs on it, and the disk that they write to."""
    status.processes, status.disk = part_processes(settings.data), disk_of(settings.data)


def _supervised(settings: Settings, status: Status) -> None:
    """What `up` knows of its parts: it sees at once that one has ended, and that one ends again and again."""
    status.restarts = {
        name: Restarts(part.restarts, part.last) for name, part in read_record(settings.data).items() if part.restarts
    }
    for name, trouble in restarting(settings.data, time.time()).items():
        part = name.partition("-")[0]
        status.parts[part] = f"{name} {trouble}"


def _clickhouse(settings: Settings, status: Status, seconds: float, counts: RowCounts | None) -> None:
    # Whole seconds, of which it makes none at all what is less than one.
    whole = max(1, round(seconds))
    client = connected(settings, connect_seconds=whole, answer_seconds=whole)
    try:
        if counts is None:
            client.query(_READABLE)
            return
        status.rows, status.last_error = counts.count(client, settings.database)
        ((taken,),) = client.query(_BYTES, parameters={"public": settings.database}).result_rows
    finally:
        client.close()
    status.table_bytes = int(taken)
