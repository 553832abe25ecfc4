"""Who changed ignore rules: kept with the rules or not at all, read within bounds."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka.errors import ProducerFenced

from broker import clients
from broker.rule_changes import RulesChangedError, change_rules
from broker.rule_history import RuleHistory
from operations.ignore_rules import read_changes, rules_in_force
from schemas.reference.rule_marks import mark_of
from schemas.wire.rule_changes import Changer
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.commands import command
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rule_changes import RuleChange

pytestmark = pytest.mark.system

WHO = Changer(via="api", user_id=7, token="9f86d081884c7d65", name="desk")


async def change(settings: Settings, academy: int, user: int) -> None:
    """Let an academy ignore one user."""
    await change_rules(settings, academy, {"user_ids": [user]}, WHO, seconds=30)


async def delete(settings: Settings, topic: str) -> None:
    """Delete a topic, and return when no broker has it."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await aeventually(gone)


def test_changes_are_told_the_newest_first(installed: Settings) -> None:
    """By the command, of all academies or one, with what was in force before."""
    assert command("rules", "history").out == "No change of rules is known.\n"
    for academy, user in ((4, 1), (5, 2)):
        assert command("rules", "put", academy, "--yes", stdin=b'{"user_ids": [%d]}' % user).code == 0
    assert command("rules", "put", 4, stdin=b"null").code == 0
    asyncio.run(change(installed, 4, 3))

    told = orjson.loads(command("rules", "history", "--academy", 4, "--json").out)
    assert [(one["before"], one["after"]) for one in told] == [
        ({}, {"user_ids": [3]}),
        ({"user_ids": [1]}, {}),
        ({}, {"user_ids": [1]}),
    ]
    assert told[0]["who"] == {"via": "api", "user_id": 7, "token": "9f86d081884c7d65", "name": "desk"}
    assert {one["who"]["via"] for one in told[1:]} == {"command-line"}
    shown = command("rules", "history", "--limit", 2).out
    assert [word in shown for word in ("desk, user 7", '{"user_ids": [3]}', '{"user_ids": [2]}')] == [True, True, False]


def test_without_their_topic_rules_stay_as_they_are(installed: Settings) -> None:
    """A change that cannot be kept is refused and does not take effect; `setup` brings the topic."""
    topics = Topics.of(installed)

    asyncio.run(delete(installed, topics.rule_changes))

    refused = command("rules", "put", 4, "--yes", stdin=b'{"user_ids": [1]}')
    assert refused.code == 1
    assert refused.err.endswith(f"error: topic {topics.rule_changes} is missing: run `learnpack-telemetry setup`.\n")
    assert asyncio.run(rules_in_force(installed, 4)) == {}
    assert f"created topic {topics.rule_changes}\n" in command("setup").out
    assert command("rules", "put", 4, "--yes", stdin=b'{"user_ids": [1]}').code == 0
    assert len(asyncio.run(read_changes(installed, 4, 10))) == 1


def test_rules_that_cannot_be_written_are_no_change(installed: Settings) -> None:
    """What was written of it before is taken back, and nobody is told of it."""

    async def told() -> tuple[int, list[RuleChange]]:
        await delete(installed, Topics.of(installed).ignore_rules)
        with pytest.raises(TimeoutError):
            await change_rules(installed, 4, {"user_ids": [1]}, WHO, seconds=2)
        return await RuleHistory(installed).read(4, limit=1, seconds=30)

    assert asyncio.run(told()) == (0, [])


def test_what_is_held_is_bounded(installed: Settings) -> None:
    """So many changes, or so many bytes, the newest; a later question reads on, past what is no change."""

    async def users(history: RuleHistory, limit: int = 10, offset: int = 0) -> tuple[int, list[int]]:
        count, found = await history.read(4, limit=limit, offset=offset, seconds=30)
        return count, [one.after["user_ids"][0] for one in found]

    async def told() -> None:
        few, small = RuleHistory(installed, most=3), RuleHistory(installed, most_bytes=1)
        for user in (1, 2, 3, 4):
            await change(installed, 4, user)
        assert await users(few) == (3, [4, 3, 2])
        assert await users(few, 1, 1) == (3, [3])
        assert await users(small) == (1, [4])
        await produce(installed.kafka, Topics.of(installed).rule_changes, [(0, b"4", b"soup", [])])
        await change(installed, 4, 5)
        assert await users(few) == (3, [5, 4, 3])
        assert await users(small) == (1, [5])

    asyncio.run(told())


def test_of_several_who_saw_the_same_rules_one_replaces_them(installed: Settings) -> None:
    """Whoever is later is told what is in force, and writes nothing; a view that lags decides nothing of it."""

    async def told() -> None:
        seen = mark_of({})
        saved = await asyncio.gather(
            *(change_rules(installed, 4, {"user_ids": [user]}, WHO, seen=seen, seconds=30) for user in (1, 2, 3, 4)),
            change_rules(installed, 5, {"user_ids": [5]}, WHO, seen=seen, seconds=30),
            return_exceptions=True,
        )

        refused = [error for error in saved if isinstance(error, RulesChangedError)]
        assert [type(error) for error in saved if error is not None] == [RulesChangedError] * 3
        assert saved[-1] is None
        (number,) = (place for place, error in enumerate(saved[:4], 1) if error is None)
        in_force = await rules_in_force(installed, 4)
        assert in_force == {"user_ids": [number]}
        assert [error.current for error in refused] == [in_force] * 3
        count, _ = await RuleHistory(installed).read(4, limit=9, seconds=30)
        assert count == 1
        await change_rules(installed, 4, {}, WHO, seen=mark_of(in_force), seconds=30)
        assert await rules_in_force(installed, 4) == {}

    asyncio.run(told())


async def test_whoever_is_fenced_says_nothing_more(installed: Settings) -> None:
    """What failed of a transaction that nobody waits for any more is not reported as forgotten."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    topic = Topics.of(installed).rule_changes
    first, second = (
        clients.producer(installed.kafka_options(), transactional_id=f"{installed.topic_prefix}fenced")
        for _ in range(2)
    )
    await first.start()
    await first.begin_transaction()
    await second.start()
    with pytest.raises(ProducerFenced):
        await first.send_and_wait(topic, b"{}", b"4", partition=0)
    for producer in (first, second):
        await producer.stop()
        clients.hear_failures(producer)
    del first, second, producer
    gc.collect()
    await asyncio.sleep(0)

    assert told == []


def test_what_is_open_behind_is_waited_for(installed: Settings) -> None:
    """Rules that were committed after a transaction of somebody else's began are seen, once that is over."""

    async def told() -> None:
        topic = Topics.of(installed).ignore_rules
        async with clients.opened(
            clients.producer(installed.kafka_options(), transactional_id=f"{topic}.somebody")
        ) as other:
            await other.begin_transaction()
            await other.send_and_wait(topic, b'{"user_ids": [9]}', b"9", partition=0)
            asking = asyncio.ensure_future(change(installed, 4, 1))
            done, _ = await asyncio.wait({asking}, timeout=2)
            assert not done
            await other.abort_transaction()
            await asking
        assert await rules_in_force(installed, 4) == {"user_ids": [1]}
        assert await rules_in_force(installed, 9) == {}

    asyncio.run(told())


def test_rules_that_change_while_somebody_is_asked_stay(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rules put` replaces what was in force when it began to ask, and nothing else."""

    def meanwhile(*_arguments: object, **_options: object) -> None:
        asyncio.run(change(installed, 4, 1))

    monkeypatch.setattr("deploy.cli.rules.agree_to", meanwhile)
    refused = command("rules", "put", 4, stdin=b'{"user_ids": [2]}')

    assert refused.code == 1
    assert "somebody has changed the rules of academy 4 meanwhile" in refused.complaint
    assert asyncio.run(rules_in_force(installed, 4)) == {"user_ids": [1]}
