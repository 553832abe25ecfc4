"""One partition in the hands of this process for one generation of the group: opened, worked through, closed."""

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

from schemas.exits import ExitCode
from streams.admission import Admission, Verdict, skip_to
from streams.bad_references import WRITER
from streams.limits import TooManyDeadLettersError, trials
from streams.offsets import Checkpoint, committed
from streams.outbox import Outbox
from streams.restore import StateLostError, changelog_reader, restore
from streams.settling import settle
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from streams.chunk import Chunk
    from streams.processing import Processed
    from streams.surroundings import Surroundings

__all__ = ["Partition"]

_log: Final = structlog.stdlib.get_logger("streams")


_CANCEL_S: Final = 0.5


class Partition:
    """Owns position, transactional producer and state of one partition; chunks are worked through one after another."""

    def __init__(self, number: int, around: Surroundings, opened: Callable[[Partition], None]) -> None:
        self.number = number
        self.is_open = False
        self.admission = Admission(0)
        self._around = around
        self._opened = opened
        self._source = TopicPartition(around.topics.raw, number)
        self._changelog = TopicPartition(around.topics.changelog, number)
        self._outbox = Outbox(
            around.topics,
            number,
            around.core,
            around.max_message_bytes,
            live=around.mandate.lead is None,
            redact=around.redact,
        )
        self._checkpoint = Checkpoint()
        self._inbox: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=1)
        self._busy = False
        self._producer = PartitionProducer(
            around.topics.application, number, around.options, max_message_bytes=around.max_message_bytes
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
                    await self._handle(chunk)
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
        except BaseException as error:  # noqa: BLE001 - Faust would acknowledge the chunk and go on
            self._end(ExitCode.CHUNK_FAILED, f"partition {self.number} failed: {type(error).__name__}: {error}", error)

    def _end(self, code: ExitCode, message: str, error: BaseException) -> None:
        self._around.end(code, message, error, partition=self.number, position=self.admission.position)

    async def _open(self) -> None:
        """Take the partition over.

        1. Initialise the transactional producer: the previous owner is fenced, its open transaction settled.
        2. Ask whether the generation may be worked on. 3. Read the committed offset from the broker. 4. Restore the
        state. 5. Wait for the views. 6. Fetch from the position on.

        Only in this order do position and state belong together, whoever still believes to own the partition.
        """
        around = self._around
        await self._producer.start()
        if not await around.mandate.holds():
            self._around.end(ExitCode.SUPERSEDED, "another generation is worked on now: start again")
        self._checkpoint = (await committed(around.options, around.topics.application, [self._source]))[self._source]
        began = time.monotonic()
        async with changelog_reader(around.options) as reader:
            log_start = (await reader.beginning_offsets([self._source]))[self._source]
            applied = await self._restore(reader)
        around.tried[self.number] = self._checkpoint.limits
        position = self._checkpoint.offset
        if position is not None:
            self._warn_of_retention(position, log_start)
        self.admission = Admission(max(position or 0, log_start))
        await around.views_complete.wait()
        self.is_open = True
        around.progressed()
        _log.info(
            "partition open",
            partition=self.number,
            position=self.admission.position,
            restored=applied,
            seconds=round(time.monotonic() - began, 3),
        )
        await self._write_bad_references()
        await self._fetch_from_position()
        self._opened(self)

    async def _restore(self, reader: Any) -> int:
        """Bring the state up to date; answers how many records were applied."""
        around, known = self._around, self._checkpoint.changelog
        return await restore(reader, around.store, self._changelog, known=known, progressed=around.progressed)

    def _warn_of_retention(self, position: int, log_start: int) -> None:
        if skip_to(position, log_start) is not None:
            _log.error(
                "webhooks were deleted before they were processed: raise TELEMETRY_RAW_RETENTION_DAYS or add workers",
                partition=self.number,
                first_offset=position,
                last_offset=log_start - 1,
            )

    async def _fetch_from_position(self) -> None:
        # The partition may have been taken away meanwhile: a new generation follows.
        with contextlib.suppress(IllegalStateError):
            await self._around.log.resume_at(self.number, self.admission.position)

    async def _handle(self, chunk: Chunk) -> None:
        verdict = self.admission.judge(chunk)
        if verdict is Verdict.GAP:
            await self._close_gap(chunk)
        elif verdict is Verdict.ADMIT:
            fresh, position = self.admission.fresh(chunk), self.admission.position
            if fresh and fresh[0].offset > position:
                # Transaction markers, or retention overtook the consumer between two fetches.
                self._warn_of_retention(position, await self._around.log.log_start(self.number))
            async for admitted, end in self._led(fresh, chunk.end):
                await self._settle_all(admitted, end)
            self.admission.advance(chunk.end)

    async def _led(self, records: Sequence[Any], end: int) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """The records with the offset after them, all at once or, behind a live generation, as far as that has come."""
        lead = self._around.mandate.lead
        while lead is not None and records:
            # Whoever waits for the leader need not be waited for.
            self._busy = False
            reach = min(await lead.passes(self.number, records[0].offset, self._around.progressed), end)
            self._busy = True
            await lead.read_verdicts(self.number, reach)
            count = bisect_left(records, reach, key=lambda record: record.offset)
            yield records[:count], reach
            lead.settled(self.number, reach)
            records = records[count:]
        if records:
            yield records, end

    async def _settle_all(self, records: Sequence[Any], end: int) -> None:
        pieces = deque([records])
        while pieces:
            piece = pieces.popleft()
            if halves := await self._settle(piece, piece[-1].offset + 1 if pieces else end):
                pieces.extendleft(reversed(halves))

    async def _write_bad_references(self) -> None:
        if self.number == WRITER:
            await self._around.bad_references.write(self._producer)

    async def _close_gap(self, chunk: Chunk) -> None:
        """Read again from the position, or from where the log begins if retention has passed it."""
        log_start = await self._around.log.log_start(self.number)
        position = self.admission.position
        self._warn_of_retention(position, log_start)
        if (start := skip_to(position, log_start)) is not None:
            self.admission.advance(start)
        _log.info("read again", partition=self.number, position=self.admission.position, chunk=chunk.start)
        await self._fetch_from_position()

    async def _settle(self, records: Sequence[Any], end: int) -> list[Sequence[Any]] | None:
        """Process the records and commit what came of them; answers two halves if they must be settled one by one."""
        settled = settle(self._around.core, self._around.store.reader(self.number), self._outbox, records)
        if settled is None:
            middle = len(records) // 2
            return [records[:middle], records[middle:]]
        processed, outgoing = settled
        around = self._around
        elsewhere = [state for number, state in around.tried.items() if number != self.number]
        limits = self._checkpoint.limits.after(trials(records, processed.dead), around.limits, elsewhere)
        await self._commit(processed, outgoing, end, replace(self._checkpoint, offset=end, limits=limits))
        around.tried[self.number] = limits
        return None

    async def _commit(
        self, processed: Processed, outgoing: Mapping[TopicPartition, Any], end: int, checkpoint: Checkpoint
    ) -> None:
        """Commit, then write the store: a crash in between is made good from the changelog."""
        done = await self._producer.commit(outgoing, self._source, end, checkpoint.metadata)
        written = done.last_offsets.get(self._changelog)
        changes = processed.effects.changes if processed.effects is not None else []
        if changes:
            self._around.store.write(self.number, changes, written, time.time())
        self._checkpoint = replace(checkpoint, changelog=checkpoint.changelog if written is None else written)
        self.admission.advance(end)
        self._around.progressed()
        if processed.dead:
            _log.warning(
                "dead letters written", partition=self.number, count=len(processed.dead), first=processed.dead[0].reason
            )
