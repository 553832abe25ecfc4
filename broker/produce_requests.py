"""Produce requests that are put together once.

aiokafka joins each level of a request anew, and then puts a header and a size in front: what is in a batch is copied
eight times before it is sent, which for documents of 50 kB costs three times what all else of sending them does. Here
the pieces are joined when all of them are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.producer.sender import Sender, SendProduceReqHandler
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.types import Array, Bytes, Int32, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiokafka import AIOKafkaProducer

__all__ = ["join_once"]

# What a connection puts in front of a request, one after the other: the header and the size.
_FRONTS: Final = 2


def join_once(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """The same producer, not started yet, whose produce requests are put together once."""
    # aiokafka makes its sender itself; ours differs in how it makes requests, and in nothing that it keeps.
    producer._sender.__class__ = _Sender  # noqa: SLF001 - as said
    return producer


class _Sender(Sender):  # type: ignore[misc]  # aiokafka tells no types
    """Sends what aiokafka's does."""

    async def _send_produce_req(self, node_id: int, batches: Mapping[Any, Any]) -> None:
        await _Handler(self, batches).do(node_id)
        self._in_flight.remove(node_id)
        self._muted_partitions.difference_update(batches)


class _Handler(SendProduceReqHandler):  # type: ignore[misc]  # as above
    """Makes the request that aiokafka's does."""

    def create_request(self) -> ProduceRequest:
        """A request with all batches."""
        request: ProduceRequest = super().create_request()
        request.__class__ = _Request
        return request


class _Request(ProduceRequest):  # type: ignore[misc]  # as above
    """A produce request in the broker's version."""

    _CLASSES = ProduceRequest._CLASSES  # noqa: SLF001 - the versions that aiokafka knows

    def __init_subclass__(cls) -> None:
        """Nothing is to be derived of it."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """What a connection asks for its bytes."""
        struct = super().prepare(versions)
        values = [struct.get_item(name) for name in struct.SCHEMA.names]
        struct.encode = lambda: _Pieces([*_pieces(struct.SCHEMA, values)], _FRONTS)
        return struct


class _Pieces:
    """Bytes that are joined when the last of what comes in front of them is there."""

    def __init__(self, pieces: list[bytes], fronts: int) -> None:
        self._pieces = pieces
        self._fronts = fronts

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __radd__(self, front: bytes) -> _Pieces | bytes:
        pieces = [front, *self._pieces]
        return _Pieces(pieces, self._fronts - 1) if self._fronts > 1 else b"".join(pieces)


def _pieces(kind: Any, value: Any) -> Iterator[bytes]:
    """What a type of aiokafka's encodes a value to."""
    if isinstance(kind, Schema):
        for field, item in zip(kind.fields, value, strict=True):
            yield from _pieces(field, item)
    elif isinstance(kind, Array) and value is not None:
        yield Int32.encode(len(value))
        for item in value:
            yield from _pieces(kind.array_of, item)
    elif kind is Bytes and value is not None:
        yield Int32.encode(len(value))
        yield value
    else:
        yield kind.encode(value)
