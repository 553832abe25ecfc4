"""Members of a group wait for each other, and longer than for an answer; whoever reads may stop at any time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, RequestTimedOutError
from aiokafka.protocol.group import LeaveGroupRequest

from broker import clients
from tests.chaos.kafka import create_topics
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


class SlowToLetGo(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Takes longer than a request may."""

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Finish, slowly."""
        if revoked:
            await asyncio.sleep(1.5 * clients.REQUEST_SECONDS)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Begin."""


async def test_who_joins_waits_for_those_that_are_slow_to_let_go(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It asks once, though no answer comes for longer than other requests wait, and gets its share."""
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 1.0)
    own = settings(partitions=2)
    topics = await create_topics(own)
    first, second = (clients.consumer(own.kafka_options(), group_id=topics.application) for _ in range(2))
    first.subscribe([topics.raw], listener=SlowToLetGo())
    second.subscribe([topics.raw])
    await first.start()
    await second.start()
    try:

        async def shared() -> bool:
            return len(first.assignment()) == len(second.assignment()) == 1

        await aeventually(shared, 60)
    finally:
        await first.stop()
        await second.stop()
    assert "Error sending JoinGroup" not in caplog.text
    assert "Error sending SyncGroup" not in caplog.text


async def test_who_was_given_up_takes_no_offset_back(settings: SettingsFactory) -> None:
    """Others have been there and gone: the group is empty, and would let anybody commit who is no member."""
    own = settings(partitions=1)
    topics = await create_topics(own)
    options = own.kafka_options()
    source = TopicPartition(topics.raw, 0)
    patient = {"session_timeout_ms": 30_000, "heartbeat_interval_ms": 10_000}
    async with clients.opened(clients.consumer(options, group_id=topics.application, **patient)) as first:
        clients.as_member(first)
        first.subscribe([topics.raw])

        async def assigned() -> bool:
            return bool(first.assignment() == {source})

        await aeventually(assigned, 60)
        await first.commit({source: 1})
        coordinator: Any = first._coordinator  # noqa: SLF001 - the broker is to give it up, and it is not to know
        await coordinator._send_req(LeaveGroupRequest(topics.application, coordinator.member_id))  # noqa: SLF001
        async with clients.opened(clients.consumer(options, group_id=topics.application)) as other:
            other.assign([source])
            await other.commit({source: 9})
            for _ in range(2):
                with pytest.raises(CommitFailedError):
                    await first.commit({source: 2})
            assert await other.committed(source) == 9


async def test_a_reader_that_is_stopped_at_once_does_not_hide_why(settings: SettingsFactory) -> None:
    """An error right after the start is the one that comes out, and no cancellation."""

    async def begin() -> None:
        async with clients.opened(clients.consumer(settings().kafka_options())):
            raise LookupError

    with pytest.raises(LookupError):
        await begin()


async def test_a_reader_whose_fetches_fail_is_stopped_as_any_other(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pause after one of them is cut short, which cancels nobody else, and its connections are closed."""
    own = settings(partitions=1)
    topics = await create_topics(own)
    reader = clients.consumer(own.kafka_options(), retry_backoff_ms=60_000)
    await reader.start()
    client: Any = reader._client  # noqa: SLF001 - its requests are to fail

    async def fails(*_: Any, **__: Any) -> None:
        raise RequestTimedOutError

    monkeypatch.setattr(client, "send", fails)
    reader.assign([TopicPartition(topics.raw, 0)])
    reader.seek(TopicPartition(topics.raw, 0), 0)

    async def failed() -> bool:
        return "Failed fetch messages" in caplog.text

    await aeventually(failed, 30)
    await reader.stop()

    assert not any(connection.connected() for connection in client._conns.values())  # noqa: SLF001 - as above
