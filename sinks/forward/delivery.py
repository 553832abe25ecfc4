"""Posting what one assignment has read: each student's messages in their order, several students at a time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Final

import structlog

from broker.watched import Watched
from schemas.wire.forwarding import Pause
from sinks.forward.lines import Lines
from sinks.forward.metrics import AWAY_SINCE, DEAD_LETTERS, PENDING, POST_SECONDS, POSTS
from sinks.forward.policy import Verdict, verdict_of
from sinks.writer.dead_letters import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import ConsumerRecord, TopicPartition

    from sinks.forward.control import Control
    from sinks.forward.gate import Gate
    from sinks.forward.lines import Pending
    from sinks.forward.policy import Answer, Policy
    from sinks.forward.post import Poster
    from sinks.writer.dead_letters import DeadLetters

__all__ = ["Delivery"]

_log: Final = structlog.get_logger(__name__)

# A pause that ends, or a message that comes, is heard of at once; to look all the same costs nothing.
_LONGEST_WAIT: Final = 5.0


class Delivery:
    """Posts while it is started, `parallel` students at a time.

    A message is settled once the receiver has taken it, or Kafka its dead letter; `settled` hears of it then.
    """

    def __init__(
        self,
        poster: Poster,
        letters: DeadLetters,
        gate: Gate,
        control: Control,
        parallel: int,
        *,
        settled: Callable[[Pending], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Prepare; nothing is posted before `start`. `failed` is called with whatever ends it."""
        self._poster = poster
        self._letters = letters
        self._gate = gate
        self._control = control
        self._settled = settled
        self._lines = Lines()
        self._resumes = gate.resumes
        self._changed = control.changed
        self._ending = False
        self._tasks = [Watched(f"post {turn}", self._work, failed=failed) for turn in range(parallel)]

    @property
    def _policy(self) -> Policy:
        return self._gate.policy

    def start(self) -> None:
        """Begin to post."""
        for task in self._tasks:
            task.start()

    def add(self, pending: Pending) -> None:
        """Take a message on, behind those of its student that were added before."""
        self._lines.add(pending, time.monotonic())
        PENDING.set(len(self._lines))
        self._changed.set()

    async def bury(self, partition: TopicPartition, record: ConsumerRecord, reason: str, failures: int = 0) -> None:
        """Give a record up after so many tries; returns once Kafka has it among the dead letters."""
        letter = Letter(
            partition, record.offset, record.timestamp, reason, record.key, record.value, tuple(record.headers)
        )
        await self._letters.send(letter)
        DEAD_LETTERS.labels(partition.topic).inc()
        _log.error(
            "a message was given up",
            topic=partition.topic,
            partition=partition.partition,
            offset=record.offset,
            failures=failures,
        )

    async def close(self, patience: float) -> None:
        """Begin nothing more; let what is under way end for so many seconds, and leave the rest to the next owner."""
        self._ending = True
        self._changed.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                for task in self._tasks:
                    await task.ended()
        for task in self._tasks:
            await task.stop()
        PENDING.set(0)

    async def _work(self) -> None:
        while not self._ending:
            now = time.monotonic()
            if self._resumes != self._gate.resumes:
                self._resumes = self._gate.resumes
                self._lines.hurry(now)
            wait = self._gate.wait(now)
            if wait == 0 and (pending := self._lines.take(now)) is not None:
                await self._try(pending)
                continue
            await self._wait(now, wait)

    async def _wait(self, now: float, wait: float | None) -> None:
        next_at = self._lines.next_at()
        # Whatever else may let something be posted is a change, of which is heard.
        seconds = _LONGEST_WAIT if wait is None or next_at is None else max(wait, next_at - now)
        # From looking to waiting nothing else runs, so no change is missed.
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_LONGEST_WAIT, seconds)):
                await self._changed.wait()

    async def _try(self, pending: Pending) -> None:
        if pending.tried_since is None:
            pending.tried_since = time.monotonic()
        self._gate.under_way += 1
        began = time.monotonic()
        try:
            answer = await self._poster.post(pending.message)
        finally:
            self._gate.under_way -= 1
            self._changed.set()
        POST_SECONDS.observe(time.monotonic() - began)
        verdict = verdict_of(answer)
        POSTS.labels(verdict.value).inc()
        if verdict is Verdict.TAKEN:
            self._is_there(began)
            self._settle(pending)
        elif verdict is Verdict.GONE:
            await self._stop_for_good(pending)
        else:
            await self._failed(pending, answer, verdict, began)

    def _is_there(self, began: float) -> None:
        if (since := self._gate.is_there(began)) is not None:
            _log.info("the receiver takes messages again", seconds=round(time.monotonic() - since, 1))
        if self._gate.away_since is None:
            AWAY_SINCE.set(0)

    def _settle(self, pending: Pending) -> None:
        self._lines.settled(pending, time.monotonic())
        PENDING.set(len(self._lines))
        self._settled(pending)
        self._changed.set()

    async def _stop_for_good(self, pending: Pending) -> None:
        """The receiver answers 410: nothing more is posted until an operator says so, after a restart neither."""
        self._lines.again(pending, time.monotonic())
        if self._gate.pause is None:
            reason = "the receiver answered 410 (Gone): it wants nothing any more"
            await self._control.pause(Pause(reason=reason, at=time.time_ns() // 1_000_000))
            # Said once it is so: whoever reads it may resume at once.
            _log.error("the receiver wants nothing any more: the forwarder is paused", reason="HTTP 410")

    async def _failed(self, pending: Pending, answer: Answer, verdict: Verdict, began: float) -> None:
        pending.failures += 1
        now, chance = time.monotonic(), random.random()  # noqa: S311 - spreads tries, keeps no secret
        if verdict is Verdict.REFUSED:
            self._is_there(began)
            at = now + self._policy.pause(pending.failures, chance, answer.retry_after)
        else:
            at = self._rest(pending, answer, now, chance)
        tried = self._gate.tried(now if pending.tried_since is None else pending.tried_since, now)
        age = time.time() - pending.record.timestamp / 1000
        if self._policy.gives_up(age=age, tried=tried):
            reason = f"not taken in {pending.failures} tries; the last: {answer.reason}"
            await self.bury(pending.partition, pending.record, reason, pending.failures)
            self._settle(pending)
            return
        self._lines.again(pending, at)
        if verdict is Verdict.REFUSED:
            _log.warning(
                "a message was refused",
                topic=pending.partition.topic,
                partition=pending.partition.partition,
                offset=pending.record.offset,
                failures=pending.failures,
                pause_seconds=round(at - now, 1),
                reason=f"HTTP {answer.status}",
            )

    def _rest(self, pending: Pending, answer: Answer, now: float, chance: float) -> float:
        """Leave the receiver alone for a while; when this message may be tried again, behind others' tries."""
        known = self._gate.away_since is not None
        until = self._gate.is_away(now, chance, answer.retry_after)
        if not known:
            AWAY_SINCE.set_to_current_time()
            reason = answer.reason if answer.status is None else f"HTTP {answer.status}"
            _log.warning("the receiver takes nothing", reason=reason, pause_seconds=round(until - now, 1))
        return max(until, now + self._policy.turn(pending.failures, chance, answer.retry_after))
