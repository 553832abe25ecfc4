"""Produce requests that are put together once are what aiokafka would have sent."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.produce import ProduceRequest

from broker.produce_requests import _Request, join_once

TOPICS = [("raw", [(0, b"a batch"), (7, b"another" * 1000)]), ("ünïcode", [(1, b"")]), ("none", [])]


def sent(request: Any, version: int) -> bytes:
    """What a connection writes, put together as aiokafka's does it."""
    struct = request.prepare({0: (version, version)})
    message = struct.build_request_header(correlation_id=7, client_id="a client").encode() + struct.encode()
    written: bytes = len(message).to_bytes(4, "big") + message
    assert type(written) is bytes
    return written


@pytest.mark.parametrize("version", range(8))
def test_the_bytes_are_the_same(version: int) -> None:
    """In every version that aiokafka speaks."""
    fields = (None, -1, 10_000, TOPICS)

    assert sent(_Request(*fields), version) == sent(ProduceRequest(*fields), version)


async def test_a_producer_makes_its_requests_so() -> None:
    """Whatever aiokafka calls what it makes them with."""
    producer = join_once(AIOKafkaProducer(enable_idempotence=True))
    handlers: list[Any] = []

    class Batch:
        """A batch that holds one byte."""

        def get_data_buffer(self) -> bytes:
            """It."""
            return b"x"

    async def send(_node: int, request: Any, **_more: Any) -> Any:
        handlers.append(request)
        message = "seen"
        raise RuntimeError(message)

    producer.client.send = send
    # It was never started, and is not to be stopped.
    producer._closed = True  # noqa: SLF001 - what it asks when it is gone
    place = type("Place", (), {"topic": "raw", "partition": 3})()
    with pytest.raises(RuntimeError, match="seen"):
        await producer._sender._send_produce_req(1, {place: Batch()})  # noqa: SLF001 - what is replaced

    assert type(handlers[0]) is _Request
    assert sent(handlers[0], 7) == sent(ProduceRequest(None, -1, 40_000, [("raw", [(3, b"x")])]), 7)
