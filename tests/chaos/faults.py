"""What can happen to workers and their broker; each fault is one call that returns when it is over."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

from schemas.wire.topics import Topics
from tests.chaos.kafka import committed, ends, produce
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    import random

    from deploy.local.kafka import KafkaNode
    from schemas.settings import Settings
    from tests.chaos.arena import Arena

__all__ = [
    "RULE",
    "add_and_remove",
    "change_rule_while_down",
    "freeze_broker",
    "freeze_past_session",
    "kill",
    "kill_broker",
    "wipe",
]

# Academy 1 does not want compilations.
RULE = b'{"rules":[{"events":["compile"]}]}'


def kill(arena: Arena, rnd: random.Random) -> None:
    """SIGKILL one worker; it is started again at once."""
    arena.kill(rnd.choice(arena.workers))


def wipe(arena: Arena, rnd: random.Random) -> None:
    """Kill one worker and delete its directory."""
    arena.wipe(rnd.choice(arena.workers))


def freeze_past_session(arena: Arena, rnd: random.Random) -> None:
    """Stop a worker until the group has given its partitions away, then let it go on where it was."""
    arena.freeze(rnd.choice(arena.workers))


def add_and_remove(arena: Arena, rnd: random.Random) -> None:
    """One worker more, one less: two rebalances that move state."""
    arena.add()
    arena.remove(rnd.choice(arena.workers))


def change_rule_while_down(arena: Arena, _rnd: random.Random) -> None:
    """Kill all workers, change an academy's rules, start the workers."""
    settings, topics = arena.settings, Topics.of(arena.settings)

    def change() -> None:
        asyncio.run(produce(settings.kafka, topics.ignore_rules, [(0, b"1", RULE, [])]))
        arena.rule_since = asyncio.run(ends(settings.kafka, topics.raw, settings.partitions))

    arena.with_all_down(change)


def kill_broker(node: KafkaNode) -> None:
    """SIGKILL the broker and start it again on the same directory and port."""
    node.kill()
    node.start()


def freeze_broker(arena: Arena, node: KafkaNode, seconds: float) -> None:
    """Stop the broker for so long, then let it go on; how long partitions stand still after that the arena keeps."""
    os.killpg(node.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.killpg(node.pid, signal.SIGCONT)
    began = time.monotonic()
    asyncio.run(_all_move(arena.settings))
    arena.standstills.append(time.monotonic() - began)


async def _all_move(settings: Settings) -> None:
    """Wait until the workers commit in every partition that has something for them."""
    topics, count = Topics.of(settings), settings.partitions

    async def done() -> dict[int, int]:
        return await committed(settings.kafka, topics.application, topics.raw, count)

    # A broker that has just been let go on may not answer at once.
    before = await aeventually(done, 120)

    async def moved() -> bool:
        now = await done()
        left = await ends(settings.kafka, topics.raw, count)
        return all(now[number] > min(before[number], left[number] - 1) for number in range(count))

    await aeventually(moved, 120)
