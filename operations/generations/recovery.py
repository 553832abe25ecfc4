"""Finishing or undoing a change of generations whose process is no more."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog

from operations.generations.journal import JournalWriter, may_write_journal, read_journal
from operations.generations.lease import Lease, lease_is_held
from operations.generations.telling import tell_rest
from operations.table_setup import publish
from schemas.wire.generations import JournalError, Phase
from sinks.clickhouse import connect

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["finish_abandoned", "finish_interrupted", "publish_generation"]

# For each view.
_SWAP_SECONDS: Final = 10

_log: Final = structlog.stdlib.get_logger("operations")


def publish_generation(settings: Settings, generation: int) -> None:
    """Let every public view read a generation; raises ClickHouse's errors."""
    client = connect(settings)
    if settings.clickhouse_cluster:
        # A server that is away makes its views when it is back, from the cluster's own queue: nobody waits for it.
        client.set_client_setting("distributed_ddl_output_mode", "null_status_on_timeout")
        client.set_client_setting("distributed_ddl_task_timeout", _SWAP_SECONDS)
    with contextlib.closing(client):
        publish(client, settings, generation)


async def finish_interrupted(settings: Settings, writer: JournalWriter) -> Journal:
    """Undo or end a pause, finish a swap; the caller holds the lease. The journal as it is then."""
    if writer.journal.step is Phase.PAUSED:
        await writer.write(writer.journal.undone())
        _log.warning("a pause for a change of generations was undone", live=writer.journal.live)
    elif writer.journal.step is Phase.SWAPPING and writer.journal.target is not None:
        await asyncio.to_thread(publish_generation, settings, writer.journal.target)
        await tell_rest(settings, writer.journal.live, writer.journal.target)
        await writer.write(writer.journal.swapped())
        _log.warning("a change of generations was finished", live=writer.journal.live)
    elif writer.journal.step is Phase.PATCHING:
        await writer.write(writer.journal.unpaused())
        _log.warning("a pause for a replay in place was ended", live=writer.journal.live)
    return writer.journal


async def finish_abandoned(settings: Settings) -> None:
    """The same if nobody holds the lease; else nothing. Raises aiokafka's and ClickHouse's errors.

    Nothing as well where Kafka does not let this user do it, as it lets no sink's (operations.acls): workers do.
    """
    if (await read_journal(settings)).step not in {Phase.PAUSED, Phase.SWAPPING, Phase.PATCHING} or await lease_is_held(
        settings
    ):
        return
    if not await may_write_journal(settings):
        return
    # Of several processes that wait, one is enough.
    with contextlib.suppress(JournalError):
        async with Lease(settings, patience=0), JournalWriter(settings) as writer:
            await finish_interrupted(settings, writer)
