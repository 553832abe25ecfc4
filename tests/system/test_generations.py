"""Who works on which generation, whatever stands in the journal of generations."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from operations.generations.journal import JournalWriter, follow_journal, read_journal
from operations.generations.mandates import live_mandate
from schemas.wire.generations import JOURNAL_KEY, Journal, JournalError
from schemas.wire.topics import Topics
from tests.chaos.kafka import create_topics, produce

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

BAD = b'{"live":"nowhere"}'


async def _put(settings: Settings, *values: bytes | None) -> None:
    await produce(settings.kafka, Topics.of(settings).generations, [(0, JOURNAL_KEY, value, []) for value in values])


def _swapped() -> Journal:
    return Journal().begun("current", None, "").paused().swapping({0: 0}).swapped()


async def test_an_unreadable_journal_leaves_the_last_good_one_in_force(settings: SettingsFactory) -> None:
    """Whoever starts after it reads what stood before, and whoever works goes on."""
    own = settings(partitions=1)
    await create_topics(own)
    await _put(own, _swapped().encode())
    mandate = await live_mandate(own)
    ended = asyncio.create_task(mandate.ended())

    await _put(own, BAD, None, b"\xff")

    assert await read_journal(own) == _swapped()
    assert (await live_mandate(own)).settings.generation == 2
    assert await mandate.holds()
    assert not ended.done()
    async with JournalWriter(own) as writer:
        await writer.write(writer.journal.returning())
        assert await follow_journal(own, lambda journal: journal.rollback) == _swapped().returning()
        await writer.write(writer.journal.paused())
    await asyncio.wait_for(ended, 30)


async def test_where_no_good_journal_is_left_who_works_goes_on(settings: SettingsFactory) -> None:
    """Its topic is compacted: who starts then takes the only generation for live, who began before goes on."""
    own = settings(partitions=1)
    await create_topics(own)
    mandate = await live_mandate(own)
    ended = asyncio.create_task(mandate.ended())

    await _put(own, BAD)

    assert await read_journal(own) == Journal()
    assert await mandate.holds()
    await _put(own, _swapped().encode())
    await asyncio.wait_for(ended, 30)


@pytest.mark.parametrize("value", [BAD, b"{}", None])
async def test_where_only_bad_journals_are_there_is_no_doubt_of_one_generation(
    settings: SettingsFactory, value: bytes | None
) -> None:
    """An installation that never had a replay starts, whatever somebody wrote; one with several says what to do."""
    own = settings(partitions=1)
    await create_topics(own)
    await _put(own, value)

    assert await read_journal(own) == Journal()
    assert (await live_mandate(own)).settings.generation == 1

    await create_topics(own.model_copy(update={"generation": 3}))
    with pytest.raises(JournalError, match=r"Of the generations 1, 3 the one is live that the view live_generation"):
        await read_journal(own)
