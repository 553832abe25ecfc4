"""How long clients wait for a broker that takes connections and answers nothing, as one does that is frozen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import KafkaConnectionError

from broker import clients

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
