"""Webhooks on their way to the raw topic: what is published, and the two that can make it durable."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Publisher", "RawRecord"]


class RawRecord(NamedTuple):
    """One record of the raw topic; `timestamp` is its arrival in milliseconds since 1970 UTC."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int


class Publisher(Protocol):
    """Where accepted webhooks go."""

    async def publish(self, record: RawRecord, /) -> None:
        """Return when the record is durable; raise UnavailableError if nothing can make it so."""
