"""One partition in the hands of this process for one group generation: opened, worked through, closed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, ProducerFenced

from broker.tracing import logged
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError
from streams.admission import Admission, Verdict, skip_to
from streams.agent import ingest_chunk
from streams.bad_references import WRITER
from streams.limits import TooManyDeadLettersError, trials
from streams.metrics import BYTES, CHUNK_SECONDS, COMMITS, RECORDS, RESTORE_SECONDS, RESTORED, note_judged
from streams.offsets import Checkpoint, committed
from streams.outbox import Outbox
from streams.prepare import Transaction, prepare
from streams.restore import StateLostError, changelog_reader, restore
from streams.traced import begin_span
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from streams.chunk import Chunk
    from streams.context import PartitionContext
    from streams.limits import LimitsState
    from streams.processing import Processed

__all__ = ["Partition"]

_log: Final = structlog.stdlib.get_logger("streams")

_CANCEL_S: Final = 0.5


class Partition:
    """Owns position, transactional producer and state of one partition; chunks are worked through one after another."""

    def __init__(self, number: int, context: PartitionContext, opened: Callable[[Partition], None]) -> None:
        self.number = number
        self.is_open = False
        self.admission = Admission(0)
        self._context = context
        self._opened = opened
        self._source = TopicPartition(context.topics.raw, number)
        self._changelog = TopicPartition(context.topics.changelog, number)
        self._outbox = Outbox(
            context.topics,
            number,
            context.core,
            context.max_message_bytes,
            live=context.mandate.live_progress is None,
            redact=context.redact,
        )
        self._checkpoint = Checkpoint()
        self._inbox: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=1)
        self._busy = False
        self._producer = PartitionProducer(
            context.topics.application, number, context.options, max_message_bytes=context.max_message_bytes
        )
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"partition-{number}")

    async def put(self, chunk: Chunk) -> None:
        """Hand over the next chunk; waits while one is being processed and another waits."""
        await self._inbox.put(chunk)

    def wake(self) -> None:
        """Look at bad reference records even if no chunk comes."""
        with contextlib.suppress(asyncio.QueueFull):
            self._inbox.put_nowait(None)

    async def close(self, patience: float) -> None:
        """Finish the chunk in flight if it ends within `patience` seconds, else abort it; drop what waits."""
        self.is_open = False
        if self._busy:
            await asyncio.wait({self._task}, timeout=patience)
        while not self._task.done():
            # Once is not enough: aiokafka's clients pass over a cancellation while they stop.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_S)
        self.is_open = False
        while not self._inbox.empty():
            self._inbox.get_nowait()
        await self._producer.stop()

    async def _run(self) -> None:
        try:
            await self._open()
            while self.is_open:
                chunk = await self._inbox.get()
                self._busy = True
                if chunk is not None:
                    await ingest_chunk(self, chunk)
                await self._write_bad_references()
                self._busy = False
                # The memory budget counts chunks that are alive.
                del chunk
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this task: what it waited for was given up.
            self._end(ExitCode.CHUNK_FAILED, f"partition {self.number} was interrupted: start again", error)
        except ProducerFenced as error:
            self._end(ExitCode.FENCED, "another worker owns this partition now: this process must begin again", error)
        except TooManyDeadLettersError as error:
            advice = "stopped before giving up more: mend what fails (the dead letters say what), then start again"
            self._end(ExitCode.TOO_MANY_DEAD_LETTERS, f"{error}; {advice}", error)
        except StateLostError as error:
            self._end(ExitCode.STATE_LOST, str(error), error)
        except NewerFormatError as error:
            self._end(ExitCode.FAILED, str(error), error)
        except BaseException as error:  # noqa: BLE001 - Faust would acknowledge the chunk and go on
            self._end(ExitCode.CHUNK_FAILED, f"partition {self.number} failed: {type(error).__name__}: {error}", error)

    def _end(self, code: ExitCode, message: str, error: BaseException) -> None:
        self._context.end(code, message, error, partition=self.number, position=self.admission.position)

    async def _open(self) -> None:
        """Take the partition over.

        1. Initialise the transactional producer: the previous owner is fenced, its open transaction ended.
        2. Ask whether the generation may be worked on. 3. Read the committed offset from the broker. 4. Restore the
        state. 5. Wait for the views. 6. Fetch from the position on.

        Only in this order do position and state belong together, whoever still believes to own the partition.
        """
        context = self._context
        await self._producer.start()
        if not await context.mandate.holds():
            context.superseded()
            # Nothing is opened any more: the process stops, and begins again with the generation that is worked on.
            await asyncio.Event().wait()
        self._checkpoint = (await committed(context.options, context.topics.application, [self._source]))[self._source]
        began = time.monotonic()
        async with changelog_reader(context.options) as reader:
            log_start = (await reader.beginning_offsets([self._source]))[self._source]
            applied = await self._restore(reader)
        context.tried[self.number] = self._checkpoint.limits
        position = self._checkpoint.offset
        if position is not None:
            self._warn_of_retention(position, log_start)
        self.admission = Admission(max(position or 0, log_start))
        await context.views_complete.wait()
        self.is_open = True
        context.progressed()
        _log.info(
            "a partition is open",
            partition=self.number,
            position=self.admission.position,
            restored=applied,
            seconds=round(time.monotonic() - began, 3),
        )
        RESTORED.labels(self.number).inc(applied)
        RESTORE_SECONDS.observe(time.monotonic() - began)
        await self._write_bad_references()
        await self._fetch_from_position()
        self._opened(self)

    async def _restore(self, reader: Any) -> int:
        """Bring the state up to date; returns how many records were applied."""
        context, known = self._context, self._checkpoint.changelog
        return await restore(reader, context.store, self._changelog, known=known, progressed=context.progressed)

    def _warn_of_retention(self, position: int, log_start: int) -> None:
        if skip_to(position, log_start) is not None:
            _log.error(
                "webhooks were deleted before they were processed: raise TELEMETRY_RAW_RETENTION_DAYS or add workers",
                partition=self.number,
                first_offset=position,
                last_offset=log_start - 1,
            )

    async def _fetch_from_position(self) -> None:
        # The partition may have been taken away meanwhile: a new group generation follows.
        with contextlib.suppress(IllegalStateError):
            await self._context.log.resume_at(self.number, self.admission.position)

    async def admit(self, chunk: Chunk) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """Yield the records of a chunk that come next, with the offset that is to be committed after them.

        All at once or, behind a live generation, as far as that has come. What was yielded has to be committed before
        the next is asked for. Yields nothing if all of the chunk was processed, or if records before it are missing:
        then the consumer is sent back to the position.
        """
        verdict = self.admission.judge(chunk)
        if verdict is Verdict.GAP:
            await self._close_gap(chunk)
        elif verdict is Verdict.ADMIT:
            fresh, position = self.admission.fresh(chunk), self.admission.position
            BYTES.labels(self.number).inc(chunk.size)
            if fresh and fresh[0].offset > position:
                # Transaction markers, or retention overtook the consumer between two fetches.
                self._warn_of_retention(position, await self._context.log.log_start(self.number))
            async for records, end in self._behind_live(fresh, chunk.end):
                yield records, end
            self.admission.advance(chunk.end)

    async def _behind_live(self, records: Sequence[Any], end: int) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """The records with the offset after them, all at once or, behind a live generation, as far as that has come."""
        live = self._context.mandate.live_progress
        while live is not None and records:
            # Whoever waits for the live generation need not be waited for.
            self._busy = False
            reach = min(await live.passes(self.number, records[0].offset, self._context.progressed), end)
            self._busy = True
            await live.read_verdicts(self.number, reach)
            count = bisect_left(records, reach, key=lambda record: record.offset)
            yield records[:count], reach
            live.forget_verdicts(self.number, reach)
            records = records[count:]
        if records:
            yield records, end

    def process(self, records: Sequence[Any], end: int) -> Iterator[Transaction]:
        """Yield what records lead to, transaction by transaction; nothing has changed by then.

        Mostly that is one. Where it would be too large it is two halves, and the second is computed when it is asked
        for: on the state that the first has left. The last one commits the offset `end`.
        """
        pieces = deque([records])
        while pieces:
            piece = pieces.popleft()
            span = begin_span(self._context.tracer, self._source, piece)
            name, load = None if span is None else span.traceparent, self._context.store.reader(self.number)
            with CHUNK_SECONDS.labels("core").time():
                prepared = prepare(self._context.core, load, self._outbox, piece, name)
            if prepared is None:
                middle = len(piece) // 2
                pieces.extendleft((piece[middle:], piece[:middle]))
                continue
            processed, outgoing = prepared
            limits = self._limits_after(piece, processed)
            piece_end = piece[-1].offset + 1 if pieces else end
            checkpoint = replace(self._checkpoint, offset=piece_end, limits=limits)
            yield Transaction(processed, outgoing, checkpoint, piece_end, len(piece), span)

    def _limits_after(self, records: Sequence[Any], processed: Processed) -> LimitsState:
        context = self._context
        elsewhere = [state for number, state in context.tried.items() if number != self.number]
        return self._checkpoint.limits.after(trials(records, processed.dead), context.limits, elsewhere)

    async def commit(self, transaction: Transaction) -> int | None:
        """Write outputs, changelog and input offset in one transaction; returns how far the changelog goes."""
        metadata = transaction.checkpoint.metadata
        with logged(transaction.span), CHUNK_SECONDS.labels("commit").time():
            done = await self._producer.commit(transaction.outgoing, self._source, transaction.end, metadata)
        COMMITS.labels(self.number).inc()
        return done.last_offsets.get(self._changelog)

    def apply_to_table(self, transaction: Transaction, written: int | None) -> None:
        """Write the committed changes of state, which the changelog has up to `written`, to the table, and move on."""
        processed, checkpoint = transaction.processed, transaction.checkpoint
        changes = processed.effects.changes if processed.effects is not None else []
        if changes:
            with CHUNK_SECONDS.labels("apply").time():
                self._context.store.write(self.number, changes, written, time.time())
        self._checkpoint = replace(checkpoint, changelog=checkpoint.changelog if written is None else written)
        self.admission.advance(transaction.end)
        self._context.progressed()
        RECORDS.labels(self.number).inc(transaction.records)
        note_judged(processed)
        if processed.dead:
            self._tell_dead(transaction)
        if transaction.span is not None:
            transaction.span.end()
        self._context.tried[self.number] = checkpoint.limits

    def _tell_dead(self, transaction: Transaction) -> None:
        dead = transaction.processed.dead
        with logged(transaction.span):
            # The letters have the reasons, in words that may quote the webhook.
            _log.warning("dead letters written", partition=self.number, count=len(dead), stage=dead[0].stage)

    async def _write_bad_references(self) -> None:
        if self.number == WRITER:
            await self._context.bad_references.write(self._producer)

    async def _close_gap(self, chunk: Chunk) -> None:
        """Read again from the position, or from where the log begins if retention has passed it."""
        log_start = await self._context.log.log_start(self.number)
        position = self.admission.position
        self._warn_of_retention(position, log_start)
        if (start := skip_to(position, log_start)) is not None:
            self.admission.advance(start)
        _log.info("records are read again", partition=self.number, position=self.admission.position, chunk=chunk.start)
        await self._fetch_from_position()
