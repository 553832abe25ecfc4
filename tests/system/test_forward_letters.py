"""Dead letters of a forwarder: listed, sent again for it alone, and known to the next generation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest
from aiokafka.admin import NewTopic

from broker import clients
from operations.forwarding import carry_letters
from operations.generations.journal import JournalWriter
from operations.topics import await_leaders
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.commands import as_environment, command
from tests.support.forwarding import ForwardBench, in_order
from tests.support.sink import SinkBench
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


async def test_a_letter_that_is_sent_again_is_told_by_who_gave_it_up(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its first id; forwarders of other names, which were told it before, are not told again."""
    own = settings(partitions=2)
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    sinks = SinkBench(own, processes, tmp_path)
    await sinks.setup()
    sinks.start()
    with receiver() as lms, receiver() as chat:
        lms.answer = lambda _: 422
        bench, others = (ForwardBench(own, processes, tmp_path, receiving) for receiving in (lms, chat))
        bench.environment["TELEMETRY_FORWARD_GIVE_UP_HOURS"] = "0.0002"
        await bench.start()
        await others.start("chat")
        await bench.tell(1)
        await others.until_taken(1)
        await bench.until_committed()
        lms.answer = lambda _: 200

        async def listed() -> str:
            shown = await asyncio.to_thread(command, "dead-letters", "list", "--json")
            return next((str(one["stage"]) for one in orjson.loads(shown.out)), "")

        assert await aeventually(listed, 60, "the letter") == "forward-lms"
        again = await asyncio.to_thread(command, "dead-letters", "retry", "--all")
        assert again.code == 0, again.err

        taken = await bench.until_taken(1)
        assert in_order(taken) == {"1": [1]}
        assert {post.id for post in lms.posts} == {taken[0].id}
        await others.until_committed("chat")
        assert len(chat.posts) == 1


async def test_letters_come_along_to_another_generation(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Each once, however often a forwarder begins."""
    own = settings(partitions=2)
    with receiver() as receiving:
        bench = ForwardBench(own, processes, tmp_path, receiving)
        await bench.setup()
        bench.environment["TELEMETRY_FORWARD_GIVE_UP_HOURS"] = "0.0002"
        receiving.answer = lambda _: 422
        await bench.start()
        await bench.tell(1, 2)
        await bench.until_committed()
        await _make_another_live(own)

        topic = Topics.of(own).of_generation(2).dead_letters

        async def along() -> list[str]:
            letters = [one for part in await read_all(own.kafka, topic, 2) for one in part]
            # They are written one after the other.
            return sorted(orjson.loads(one.value)["actor"] for one in letters) if len(letters) > 1 else []

        assert await aeventually(along, 60, "the letters") == ["1", "2"]
    assert await carry_letters(own.model_copy(update={"generation": 2})) == 0


async def _make_another_live(settings: Settings) -> None:
    """Have a generation with topics of its own take the place of the first, as far as Kafka knows."""
    name = Topics.of(settings).of_generation(2).dead_letters
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        await admin.create_topics([NewTopic(name, settings.partitions, 1)])
        await await_leaders(admin, [name], settings.partitions)
    async with JournalWriter(settings) as writer:
        begun = writer.journal.begun("as-recorded", None, "2026-03-02T08:00:00Z")
        for journal in (begun, begun.paused(), begun.paused().swapping({}), begun.paused().swapping({}).swapped()):
            await writer.write(journal)
