"""How long the members of a forwarder's group wait for each other, and where what is new begins."""

from __future__ import annotations

import asyncio
from typing import Literal
from unittest.mock import AsyncMock

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from pydantic import ValidationError

from broker import clients
from deploy.run.child import Part
from schemas.settings import Settings
from schemas.wire.forwarding import completion_message, stuck_message
from sinks.forward import group as module
from sinks.forward.group import Group
from sinks.forward.post import READ_SECONDS

READERS = {"learnpack.completions": completion_message, "learnpack.stuck": stuck_message}


@pytest.mark.parametrize("seconds", [1, 15, 25])
async def test_members_wait_until_a_post_can_have_ended(seconds: int) -> None:
    """Else another one posts what comes after it, and both do so again and again; and no longer than a request may."""
    settings = Settings(_env_file=None, forward_timeout=seconds)
    group = Group(settings, {}, make=lambda **_: pytest.fail("nothing is posted"))
    waits = group._consumer._rebalance_timeout_ms / 1000  # noqa: SLF001 - what brokers are told
    await group._consumer.stop()  # noqa: SLF001 - it was not started

    assert waits > seconds + READ_SECONDS + clients.REQUEST_SECONDS
    assert waits + clients.REQUEST_SECONDS <= clients._MOST_SECONDS  # noqa: SLF001 - the bound of all clients


def test_a_receiver_that_hangs_has_no_forwarder_killed() -> None:
    """What is under way is left to the next owner before `up` loses its patience."""
    up_gives = Part("forward", (), {}).stop_seconds

    assert up_gives > module._STOP_SECONDS + module._LEAVE_SECONDS  # noqa: SLF001 - it has no other name


def test_an_answer_has_no_longer_than_members_wait() -> None:
    """More is refused by the settings."""
    with pytest.raises(ValidationError):
        Settings(_env_file=None, forward_timeout=26)


@pytest.mark.parametrize(
    ("begins", "committed", "at_its_end"),
    [
        ("now", (), True),
        ("now", ("learnpack.stuck",), True),
        ("now", ("learnpack.completions",), False),
        ("beginning", ("learnpack.stuck",), False),
    ],
)
async def test_a_kind_that_is_added_to_a_name_begins_as_a_new_name_does(
    monkeypatch: pytest.MonkeyPatch,
    begins: Literal["beginning", "now"],
    committed: tuple[str, ...],
    *,
    at_its_end: bool,
) -> None:
    """Its past is not told with `now`; a partition that is added to a topic which was read has all of its own told."""
    settings = Settings(_env_file=None, forward_from=begins)
    group, stop = Group(settings, READERS, make=lambda **_: pytest.fail("nothing is posted")), asyncio.Event()
    stop.set()
    found = {TopicPartition(topic, 0): OffsetAndMetadata(5, "") for topic in committed}
    monkeypatch.setattr(group, "_learn", AsyncMock(return_value=found))
    monkeypatch.setattr(group, "_join", AsyncMock())
    await group.run(stop)

    assert group._from_now_on(TopicPartition("learnpack.completions", 1)) is at_its_end  # noqa: SLF001 - where it begins
