"""Inserting a partition's blocks until ClickHouse has them, however long it is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from schemas.wire.rows import RAW
from sinks.clickhouse import Failure, failure_of, one_line
from sinks.errors import ConfigurationError
from sinks.setup import check_tables
from sinks.writer.inserter import StaleIntentError, block_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiokafka import TopicPartition

    from sinks.writer.bookmark import LineId
    from sinks.writer.buffer import Block
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route, Target

__all__ = ["Insertion"]

_LONGEST_PAUSE: Final = 10.0

_log = structlog.get_logger(__name__)


class Insertion:
    """The way of one partition's blocks into the tables of its route."""

    def __init__(self, partition: TopicPartition, topic_id: str, route: Route, inserter: Inserter) -> None:
        self._partition = partition
        self._topic_id = topic_id
        self._route = route
        self._inserter = inserter

    async def insert(self, block: Block, excluded: tuple[LineId, ...], vouched: Callable[[], Awaitable[float]]) -> None:
        """Insert a block without its excluded lines into each table; return once all of them have it.

        `vouched` is asked before each try: it returns until when (time.monotonic) the partition is surely ours, and
        raises if it is not. Raises ClickHouse's error if a row is refused, SinkError where waiting cannot help.
        """
        bodies = self._bodies(block, excluded)
        for target, body in zip(self._route.targets, bodies, strict=True):
            if not body:
                continue
            name = self._token(target, block, excluded)
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(_passes),
                wait=wait_exponential_jitter(multiplier=0.1, max=_LONGEST_PAUSE),
                before_sleep=self._report,
                reraise=True,
            ):
                with attempt:
                    until = await vouched()
                    try:
                        await self._inserter.insert(target, self._route.format, body, name, until)
                    except Exception as error:
                        await self._explain(error)
                        raise

    def _bodies(self, block: Block, excluded: tuple[LineId, ...]) -> list[bytes]:
        if not excluded:
            return [block.body(index) for index in range(len(self._route.targets))]
        gone = frozenset(excluded)
        kept = b"".join(line.data + b"\n" for line in block.lines() if line.id not in gone)
        return [kept] * len(self._route.targets)

    def _token(self, target: Target, block: Block, excluded: tuple[LineId, ...]) -> str:
        generation = 0 if target.table is RAW else self._inserter.installation.generation
        return block_token(
            (self._partition.topic, self._topic_id, self._partition.partition),
            block,
            f"{target.table.name}/g{generation}",
            excluded,
        )

    async def _explain(self, error: Exception) -> None:
        """Raise a SinkError in place of an error that waiting cannot mend."""
        failure = failure_of(error)
        if failure is Failure.SCHEMA:
            tables = tuple(target.table for target in self._route.targets)
            await self._inserter.call(check_tables, self._inserter.client, self._inserter.installation, tables)
        if failure is Failure.CONFIGURATION:
            remedy = "Correct the user in TELEMETRY_CLICKHOUSE or its grants."
            message = f"ClickHouse refuses the sink: {one_line(error)}. {remedy}"
            raise ConfigurationError(message) from error

    def _report(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome is not None else None
        if error is None or isinstance(error, StaleIntentError):
            return
        _log.warning(
            "insert_waits",
            topic=self._partition.topic,
            partition=self._partition.partition,
            attempt=attempt.attempt_number,
            seconds=round(time.time() - attempt.start_time, 1) if attempt.start_time else 0.0,
            error=one_line(error),
        )


def _passes(error: BaseException) -> bool:
    """Whether to try the same insert again: ClickHouse may get well, an intent can be recorded anew."""
    return isinstance(error, StaleIntentError) or failure_of(error) in {Failure.WAIT, Failure.SCHEMA}
