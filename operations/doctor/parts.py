"""Checks of workers and sinks: whether any runs, and whether one ends again and again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from broker import clients
from broker.committed import members
from operations.doctor.findings import failed, good, warning
from operations.generations.journal import read_journal
from operations.lag import readings
from operations.restart_record import read_record
from operations.wording import counted
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_parts"]

_TIMEOUT_SECONDS: Final = 15.0


async def check_parts(settings: Settings) -> AsyncIterator[Finding]:
    """Ask Kafka for the members of the groups, and the supervisor of `up`, where it runs, for its parts."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            idle = await _idle(settings)
    except (KafkaError, OSError, TimeoutError, JournalError):
        # It is said of kafka what is wrong.
        idle = None
    for kind, groups in (idle or {}).items():
        if groups:
            mend = f"Start one: learnpack-telemetry {kind}; if one was started, its log says why it has ended."
            yield failed(kind, "running", f"no process of {', '.join(groups)} runs", mend)
        else:
            yield good(kind, "running", "its groups have members")
    for name, part in read_record(settings.data).items():
        last = f"last: {part.last}"
        if trouble := part.trouble(time.time()):
            mend = f"Mend what its last line says; {_log_of(settings, name)} has all of it."
            yield failed(name, "restarts", trouble, mend)
        elif part.restarts:
            mend = f"If it was not you, look into {_log_of(settings, name)}."
            yield warning(name, "restarts", f"restarted {counted(part.restarts, 'time')}, {last}", mend)
        else:
            yield good(name, "restarts", "none")


def _log_of(settings: Settings, part: str) -> str:
    """Where `up` keeps what a part writes."""
    return str(settings.data / "logs" / f"{part}.log")


async def _idle(settings: Settings) -> dict[str, list[str]]:
    """The groups of workers and of sinks in which nobody is."""
    wanted = readings(settings, await read_journal(settings))
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        idle: dict[str, list[str]] = {"worker": [], "sink": []}
        for part, group in sorted({(reading.part, reading.group) for reading in wanted}):
            if not await members(admin, group):
                idle[part].append(group)
        return idle
