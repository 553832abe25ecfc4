"""How long clients wait for a broker that takes connections and answers nothing, as one does that is frozen."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from broker import clients
from broker.first_answer import wanted_soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def silent() -> AsyncIterator[dict[str, Any]]:
    """Options that lead to a server which says nothing."""
    over = asyncio.Event()

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    yield {"bootstrap_servers": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"}
    over.set()
    server.close()


@pytest.mark.parametrize("make", [clients.consumer, clients.producer])
async def test_a_request_without_an_answer_is_given_up(
    silent: dict[str, Any], monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    """Long before aiokafka's own patience ends; what takes several requests keeps that."""
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 0.1)
    client = make(silent)

    async with asyncio.timeout(20):
        with pytest.raises(KafkaConnectionError):
            await client.start()
    await client.stop()


async def test_a_first_answer_is_not_waited_for_long_where_somebody_waits(
    silent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what an administrator asks for may take long."""
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 0.1)
    with wanted_soon():
        admin = clients.admin(silent)
        async with asyncio.timeout(20):
            with pytest.raises(KafkaConnectionError):
                await admin.start()
        await admin.close()


async def test_who_has_been_answered_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever works where nobody waits: a broker that is frozen for a while ends no work."""
    waited: list[int] = []

    async def start() -> None:
        admin = clients.admin({"bootstrap_servers": "127.0.0.1:1"})
        await admin.start()
        await admin.close()
        assert admin._client._request_timeout_ms == 40_000  # noqa: SLF001 - nobody else knows

    async def bootstrap(client: Any) -> None:
        waited.append(client._request_timeout_ms)  # noqa: SLF001 - as above
        await asyncio.sleep(0)

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", bootstrap)
    await start()
    with wanted_soon():
        await asyncio.gather(start())
        await start()

    assert waited == [40_000, 5_000, 40_000]


@pytest.mark.parametrize(("let_go", "patience"), [(6.0, 11.0), (60.0, 40.0)])
async def test_members_wait_for_each_other_as_long_as_they_may_take(let_go: float, patience: float) -> None:
    """And a little longer, never longer than aiokafka would; for anything else as long as for a broker."""
    group = ConnectionGroup.COORDINATION
    connection: Any = SimpleNamespace(_request_timeout=clients.REQUEST_SECONDS)
    waited = []

    async def ready(*_: Any, **__: Any) -> bool:
        return True

    async def send(*_: Any, **__: Any) -> None:
        waited.append(connection._request_timeout)  # noqa: SLF001 - nobody else knows how long is waited

    sender = clients._Sender(  # noqa: SLF001 - as above
        SimpleNamespace(ready=ready, _conns={(1, group): connection}), send
    )
    await sender(1, JoinGroupRequest("group", 6000, int(let_go * 1000), "", "", "consumer", []), group=group)
    await sender(1, SyncGroupRequest("group", 1, "me", "", []), group=group)
    await sender(1, HeartbeatRequest("group", 1, "me"), group=group)

    assert waited == [patience, patience, clients.REQUEST_SECONDS]


async def test_nobody_waits_for_a_broker_that_says_no_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a connection over TLS does for half a minute: it is cut, and the client has ended."""
    monkeypatch.setattr(clients, "DISCONNECT_SECONDS", 0.05)
    ended = asyncio.get_running_loop().create_future()
    transport = SimpleNamespace(abort=partial(ended.set_result, None))
    connection: Any = SimpleNamespace(_writer=SimpleNamespace(transport=transport))
    admin = clients.admin({"bootstrap_servers": "127.0.0.1:1"})
    requests = admin._client  # noqa: SLF001 - aiokafka gives it no name

    def close(reason: object = None) -> asyncio.Future[None]:
        del reason
        connection._writer = None  # noqa: SLF001 - aiokafka does so
        return ended

    connection.close = close
    requests._conns[0] = connection  # noqa: SLF001 - as above
    async with asyncio.timeout(20):
        await requests.close()
    assert ended.done()


async def test_nobody_waits_for_what_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer whose broker is away ends in bounded time, with records that are still to be sent."""
    monkeypatch.setattr(clients, "_STOP_SECONDS", 0.05)
    producer: Any = clients.producer({})
    producer._sender._sender_task = asyncio.create_task(asyncio.Event().wait())  # noqa: SLF001 - as while it sends
    monkeypatch.setattr(producer._message_accumulator, "close", asyncio.Event().wait)  # noqa: SLF001 - as while full

    async with asyncio.timeout(20):
        await producer.stop()

    assert producer._sender._sender_task.cancelled()  # noqa: SLF001 - it tries no more
