"""Who changed ignore rules: kept with the rules or not at all, read within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from broker import clients
from broker.rule_changes import change_rules
from broker.rule_history import RuleHistory
from operations.ignore_rules import read_changes, rules_in_force
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
    await change_rules(settings, academy, {}, {"user_ids": [user]}, WHO, seconds=30)


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
            await change_rules(installed, 4, {}, {"user_ids": [1]}, WHO, seconds=2)
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
