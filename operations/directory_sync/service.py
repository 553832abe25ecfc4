"""The directory kept as the LMS has it: once, or again and again, whoever is away meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka.errors import KafkaError

from broker import clients
from operations.directory import following, reference_producer, topic_of
from operations.directory_sync.comparing import Comparison, Policy
from operations.directory_sync.held import Held
from operations.directory_sync.metrics import (
    EVERY,
    HELD_BACK,
    LOOP,
    PASS_SECONDS,
    PASSES,
    REFUSED,
    REMOVED,
    ROWS,
    SYNC,
    SYNCED_AT,
    WRITTEN,
)
from operations.directory_sync.session import session
from operations.directory_sync.source import QueryError
from operations.postgres import PostgresError
from schemas.errors import text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from operations.directory_sync.compared import Compared
    from schemas.reference.lookup import Kind
    from schemas.settings import Settings

__all__ = ["Job", "sync_again_and_again", "sync_once"]

_log: Final = structlog.stdlib.get_logger("sync")

# A pass that lasts longer leaves the directory behind, although nobody is away.
_LONG_PASS_SECONDS: Final = 300.0
_ACKNOWLEDGED_SECONDS: Final = 30.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
# A day: what moves no `updated_at` is found by then.
_WHOLE_SECONDS: Final = 24 * 3600.0
# Only this one of a compacted topic is read.
_PARTITION: Final = 0

_AWAY: Final = (PostgresError, KafkaError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Job:
    """What is kept the same: the database's address, which is secret, and the queries of each kind, out of a file.

    `whole` compares all rows in every pass, whatever their times say.
    """

    dsn: str
    queries: Mapping[Kind, str]
    policy: Policy
    file: str = "the file of queries"
    whole: bool = False


async def sync_once(
    settings: Settings, job: Job, tell: Callable[[Compared], None], stop: asyncio.Event
) -> list[Compared] | None:
    """Compare once; returns what came of each kind, None where `stop` was set before the end.

    Raises PostgresError, and aiokafka's KafkaError, OSError or TimeoutError where Kafka does not answer.
    """
    try:
        async with _following(settings, job) as (held, failure):
            return await _compared(settings, job, held, failure, whole=job.whole, tell=tell, stop=stop)
    except PostgresError:
        if stop.is_set():
            # Its statement was cancelled.
            return None
        raise


async def sync_again_and_again(settings: Settings, job: Job, every: float, stop: asyncio.Event) -> None:
    """Compare every so many seconds, until `stop` is set. Whoever is away is asked again, with pauses that grow.

    The first pass compares all rows, and one a day: what moves no `updated_at` is found then.
    Raises what the view of the topics failed with, other than for Kafka: a fault of its own, of which the process ends.
    """
    LOOP.start()
    EVERY.set(every)
    for kind in job.queries:
        # What begins at 0 is seen to rise.
        WRITTEN.labels(kind)
        REMOVED.labels(kind)
    for result in ("whole", "held_back", "failed"):
        PASSES.labels(result)
    pause, was_away, whole_at = _FIRST_PAUSE, False, -_WHOLE_SECONDS
    try:
        while not stop.is_set():
            try:
                async with _following(settings, job) as (held, failure):
                    _log.info("directory sync has read the topics", every_seconds=every)
                    while not stop.is_set():
                        began = time.monotonic()
                        whole = job.whole or began - whole_at >= _WHOLE_SECONDS
                        if await _pass(settings, job, held, failure, stop, whole=whole) and whole:
                            whole_at = began
                        if was_away:
                            _log.info("directory sync goes on")
                        pause, was_away = _FIRST_PAUSE, False
                        await _sleep(every, stop)
            except _AWAY as error:
                if stop.is_set():
                    # Its statement was cancelled.
                    break
                SYNC.ready, was_away = False, True
                PASSES.labels("failed").inc()
                reason = text_of(error).partition("\n")[0]
                _log.warning("directory sync has to wait", reason=reason, pause_seconds=pause)
                await _sleep(pause, stop)
                pause = min(2 * pause, _LONGEST_PAUSE)
        _log.info("directory sync ended")
    finally:
        SYNC.ready = False
        await LOOP.stop()


async def _pass(
    settings: Settings, job: Job, held: Held, failure: asyncio.Future[None], stop: asyncio.Event, *, whole: bool
) -> bool:
    """Compare once, and tell of it; whether it came to its end."""
    began = time.monotonic()
    behind = asyncio.get_running_loop().call_later(_LONG_PASS_SECONDS, _not_ready)
    try:
        result = await _compared(settings, job, held, failure, whole=whole, tell=lambda _: None, stop=stop)
    finally:
        behind.cancel()
    if result is None:
        return False
    for one in result:
        ROWS.labels(one.kind).set(one.rows)
        REFUSED.labels(one.kind).set(one.refused_rows)
        HELD_BACK.labels(one.kind).set(one.left)
        for reason in one.refused:
            _log.warning("a row of the LMS is no record", reason=reason)
        if one.left:
            _log.error(
                "too much of the directory would change, and stays",
                kind=one.kind,
                gone=one.held_back,
                moved=one.unmoved,
                left_out=one.left_out,
            )
        if one.written or one.removed:
            _log.info("directory synced", kind=one.kind, written=one.written, removed=one.removed)
    is_whole = not any(one.left for one in result)
    PASSES.labels("whole" if is_whole else "held_back").inc()
    PASS_SECONDS.set(time.monotonic() - began)
    if is_whole:
        SYNCED_AT.set_to_current_time()
    SYNC.ready = is_whole
    return True


def _not_ready() -> None:
    SYNC.ready = False


async def _compared(
    settings: Settings,
    job: Job,
    held: Held,
    failure: asyncio.Future[None],
    *,
    whole: bool,
    tell: Callable[[Compared], None],
    stop: asyncio.Event,
) -> list[Compared] | None:
    """One pass, with connections of its own."""
    if failure.done():
        failure.result()
    try:
        async with session(job.dsn, job.queries, stop) as source, _writer(settings) as write:
            now = time.time_ns() // 1000
            comparison = Comparison(
                source, held, write, job.policy, now=now, whole=whole, tell=tell, is_over=stop.is_set
            )
            return await comparison.run(job.queries)
    except QueryError as error:
        message = f"{job.file}: {error}"
        raise PostgresError(message) from None


@contextlib.asynccontextmanager
async def _following(settings: Settings, job: Job) -> AsyncIterator[tuple[Held, asyncio.Future[None]]]:
    """What the topics hold, from when all of it is read; the future has what the view failed with."""
    held = Held(job.queries)
    async with following(settings, held) as failure:
        yield held, failure


@contextlib.asynccontextmanager
async def _writer(settings: Settings) -> AsyncIterator[Callable[..., Any]]:
    """What writes records and returns when all of them are acknowledged."""
    async with clients.opened(reference_producer(settings)) as producer:

        async def write(kind: Kind, records: Sequence[tuple[bytes, bytes | None]]) -> None:
            topic = topic_of(settings, kind)
            async with asyncio.timeout(_ACKNOWLEDGED_SECONDS):
                sent = [await producer.send(topic, value, key, partition=_PARTITION) for key, value in records]
                await asyncio.gather(*sent)
            removed = sum(1 for _, value in records if value is None)
            WRITTEN.labels(kind).inc(len(records) - removed)
            REMOVED.labels(kind).inc(removed)

        yield write


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
