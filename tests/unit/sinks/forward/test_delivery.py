"""What an operator's word does to messages that wait."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from schemas.wire.forwarding import Message
from sinks.forward.delivery import Delivery
from sinks.forward.gate import Gate
from sinks.forward.lines import Pending
from sinks.forward.policy import Answer, Policy

SOURCE = TopicPartition("learnpack.completions", 0)


class Limited:
    """A receiver that asks for hours until it is `free`."""

    def __init__(self) -> None:
        self.free = False
        self.posts: list[str] = []
        self.asked = asyncio.Event()

    async def post(self, message: Message) -> Answer:
        """Answer as it is told to."""
        self.posts.append(message.student)
        self.asked.set()
        return Answer(204) if self.free else Answer(429, "HTTP 429", 20_000.0)


async def test_resume_has_everybody_tried_at_once() -> None:
    """Also the message which the receiver wanted hours later, and though the forwarder was not paused."""
    gate, receiver, settled = Gate(Policy(give_up=1e9), known=True), Limited(), asyncio.Queue[Pending]()
    control: Any = SimpleNamespace(changed=asyncio.Event())
    unused: Any = None
    poster: Any = receiver
    failures = list[Exception]()
    delivery = Delivery(poster, unused, gate, control, 1, settled=settled.put_nowait, failed=failures.append)
    for offset, student in enumerate("ab"):
        record = SimpleNamespace(offset=offset, timestamp=time.time() * 1000)
        delivery.add(Pending(SOURCE, record, Message(f"m-{student}", student, b"{}")))
    delivery.start()
    async with asyncio.timeout(10):
        await receiver.asked.wait()
        # Its answer is taken in.
        await asyncio.sleep(0)
        assert (receiver.posts, gate.away_since is None) == (["a"], False)
        receiver.free = True
        gate.put(None, time.monotonic())
        control.changed.set()

        assert {(await settled.get()).message.student, (await settled.get()).message.student} == {"a", "b"}
    await delivery.close(1)
    assert failures == []
