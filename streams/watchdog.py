"""Ends a worker that stands still while records wait, or whose event loop does not turn any more."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker.lag_figures import Waits
from broker.waiting import Waiting
from schemas.exits import ExitCode
from streams.metrics import LAG
from streams.stall import StallPolicy, StallState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.exits import End
    from streams.ownership import Ownership

__all__ = ["Watchdog"]

_LOOK_S: Final = 2.0
_TURN_S: Final = 0.5


class Watchdog:
    """Compares what is committed with what the broker holds, over a connection of its own.

    Lag is asked from the broker, not from Faust's consumer, whose figures stand still with it. While the broker does
    not answer nothing is judged: a new process could not do more. The event loop is watched from a thread.
    """

    def __init__(self, owner: Ownership, topic: str, options: Mapping[str, Any], patience_s: float, end: End) -> None:
        self._owner = owner
        self._topic = topic
        self._options = options
        self._patience_s = patience_s
        self._end = end
        self._steps = 0
        self._turned = time.monotonic()
        self._stopped = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def progressed(self) -> None:
        """Something went forward: a commit, a partition opened, some of its state restored."""
        self._steps += 1

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._watch_progress(), name="watchdog")
        threading.Thread(target=self._watch_loop, name="watchdog", daemon=True).start()

    async def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _watch_loop(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            still = time.monotonic() - self._turned
            if still > self._patience_s:
                self._end(ExitCode.STALLED, f"the event loop has not turned for {still:.0f} s: start again")

    async def _watch_progress(self) -> None:
        state = StallState(StallPolicy(self._patience_s), since=time.monotonic())
        async with Waiting(self._options, self._patience_s / 3) as asked:
            while True:
                waiting = await self._waiting(asked)
                self._turned = time.monotonic()
                still = state.observe(self._turned, steps=self._steps, waiting=waiting)
                if still is not None:
                    self._end(
                        ExitCode.STALLED,
                        f"nothing was committed for {still:.0f} s although webhooks wait: start again",
                        group_generation=self._owner.group_generation,
                        partitions=sorted(self._owner.partitions),
                    )
                await self._turn(_LOOK_S)

    async def _turn(self, seconds: float) -> None:
        for _ in range(int(seconds / _TURN_S)):
            await asyncio.sleep(_TURN_S)
            self._turned = time.monotonic()

    async def _waiting(self, asked: Waiting) -> bool:
        """Whether there is work for this worker, as far as the broker tells."""
        owned = {number: partition.admission.position for number, partition in self._owner.partitions.items()}
        assigning = self._owner.group_generation is None
        if not assigning and not owned:
            LAG.tell({})
            return False
        try:
            positions = owned or {0: 0}
            queues = await asked.queues({TopicPartition(self._topic, number): at for number, at in positions.items()})
        except (KafkaError, OSError, TimeoutError):
            return False
        # Before a partition is open its position says nothing.
        known = {tp: queue for tp, queue in queues.items() if self._owner.is_open(tp.partition)}
        LAG.tell({(str(tp.partition),): Waits(queue.offsets, queue.since) for tp, queue in known.items()})
        return assigning or any(queue.offsets for queue in queues.values())
