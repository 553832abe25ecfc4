"""When everything that a deletion concerns is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from operations.generations import offsets as module
from operations.generations.offsets import Offsets
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

TOPICS = Topics("t.", 1)
PLACE = TopicPartition("log", 0)


class Log(Offsets):
    """A log that grows between two looks at its end, and sinks that are asked for what they have stored."""

    def __init__(self, ends: list[int], stored: list[int | None], patched: pytest.MonkeyPatch) -> None:
        self.ends_seen = 0
        self._ends = ends
        self._stored = stored
        self.asked: list[str] = []
        self.admin: Any = None
        patched.setattr(module, "committed_before", self.committed_before)
        patched.setattr(module, "_POLL_SECONDS", 0)

    async def ends_of(self, names: list[str]) -> dict[TopicPartition, int]:
        """Where the log ends now."""
        del names
        self.ends_seen += 1
        return {PLACE: self._ends[self.ends_seen - 1]}

    async def committed_before(
        self, admin: Any, group: str, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """What is stored now; None where the broker does not tell."""
        del admin
        self.asked.append(group)
        stored = self._stored.pop(0)
        if stored is None:
            raise KafkaError
        return dict.fromkeys(partitions, stored)


async def test_what_came_meanwhile_is_waited_for_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends are looked at once more when those of the first look are passed, and those have to be passed, too."""
    log = Log([5, 9], [3, None, 5, 5, 8, 9], monkeypatch)

    assert await log.until_stored(TOPICS, 60)
    assert (log.ends_seen, log._stored) == (2, [])  # noqa: SLF001 - the test's own


async def test_who_does_not_store_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that was given it says no."""
    assert not await Log([5], [3], monkeypatch).until_stored(TOPICS, 0)


async def test_raw_webhooks_have_a_group_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are meant, both groups are asked."""
    log = Log([5, 5, 5, 5], [5, 5, 5, 5], monkeypatch)

    assert await log.until_stored(TOPICS, 60, raw=True)
    assert set(log.asked) == {TOPICS.sinks, TOPICS.raw_sinks}
