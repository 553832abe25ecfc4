"""Forwarders that are killed, and a receiver that is away, slow, and answers 500 and 410.

Whatever happens, each completion is taken at least once, every post of it has one id, all are signed, and those of a
student are taken in their order. `-m long` has the receiver away for a minute.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from sinks.forward.control import read_pauses, write_pause
from tests.support.forwarding import ForwardBench, in_order
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.timeout(900)]

SEED: Final = 7
STUDENTS: Final = 8
OF_EACH: Final = 4


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.long)])
async def test_a_killed_forwarder_and_a_bad_receiver_lose_and_mix_up_nothing(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, seconds: int
) -> None:
    """Two forwarders share the work; one is killed while the receiver is away, the other while it answers 500."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    order = [student for student in range(1, STUDENTS + 1) for _ in range(OF_EACH)]
    chance.shuffle(order)
    thirds = [order[begin::3] for begin in range(3)]

    def bad(_: dict[str, Any]) -> int:
        # Whoever is left when the other is killed has something to post, and so hears what is answered then.
        enough = len({post.id for post in receiving.taken()}) >= len(thirds[0])
        return chance.choice((500, 503) if enough else (200, 200, 500, 503))

    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=3), processes, tmp_path, receiving)
        await bench.setup()
        first, second = await bench.start(), await bench.start()
        receiving.pause = 0.05
        await bench.tell(*thirds[0])
        await bench.until_taken(3)
    # Nobody listens.
    await bench.tell(*thirds[1])
    first.kill()
    first = await bench.start()
    await asyncio.sleep(seconds)
    receiving.answer = bad
    with receiver(known=receiving):
        await bench.tell(*thirds[2])
        await bench.until_taken(len(thirds[0]))
        second.kill()
        receiving.answer = lambda _: 410
        first.says("the receiver wants nothing any more")
        # It says so once the pause is written: whoever resumes now is not overruled.
        assert "lms" in await read_pauses(bench.settings)
        receiving.answer = lambda _: 200
        await write_pause(bench.settings, "lms", None)

        taken = await bench.until_taken(len(order), 120)
        await bench.until_committed()

        assert receiving.unverified == []
        ids = {(post.data["actor"], post.data["tasks"][0]): post.id for post in receiving.posts}
        assert len(ids) == len(set(ids.values())) == len(order)
        assert {post.id for post in receiving.posts} == set(ids.values())
        told = [student for third in thirds for student in third]
        expected: dict[str, list[int]] = {}
        for task, student in enumerate(told, 1):
            expected.setdefault(str(student), []).append(task)
        assert in_order(taken) == expected


@pytest.mark.long
async def test_a_frozen_forwarder_that_wakes_mixes_up_nothing(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Another has its students meanwhile; what it posts once more has the same ids, and it works on."""
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2), processes, tmp_path, receiving)
        await bench.setup()
        first = await bench.start()
        await bench.start()
        await bench.tell(1, 2, 1, 2)
        await bench.until_taken(4)

        first.freeze()
        await bench.tell(1, 2, 1, 2, 3, 4)
        await bench.until_taken(10)
        first.thaw()
        await bench.tell(1, 2, 3, 4)
        taken = await bench.until_taken(14)
        await bench.until_committed()

        assert first.process.poll() is None
        assert in_order(taken) == {"1": [1, 3, 5, 7, 11], "2": [2, 4, 6, 8, 12], "3": [9, 13], "4": [10, 14]}
        assert len({post.id for post in receiving.posts}) == 14
