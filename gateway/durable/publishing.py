"""Webhooks on their way to the raw topic: what is published, and the two that can make it durable."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Publisher", "RawRecord"]


class RawRecord(NamedTuple):
    """One record of the raw topic.

    `timestamp` is its arrival in milliseconds since 1970 UTC; `partition` is only for what must follow an older record
    there, all others go by their key.
    """

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int
    partition: int | None = None


class Publisher(Protocol):
    """Where accepted webhooks go."""

    async def publish(self, record: RawRecord, /) -> int | None:
        """Return when the record is durable: its place in the log (partition << 40 | offset), None while it is spooled.

        Raises UnavailableError if nothing can make it durable.
        """
