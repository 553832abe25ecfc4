"""Sending blocks to ClickHouse, in threads, under tokens."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from sinks.clickhouse import insert_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from sinks.templates import Installation
    from sinks.writer.bookmark import LineId
    from sinks.writer.buffer import Block
    from sinks.writer.routes import Target

__all__ = ["Inserter", "StaleIntentError", "block_token"]

# Blocks of one topic that are sent at once: while one is parsed the next is on its way. Each topic has its own, so that
# a table that refuses everything holds up no other.
_TURNS: Final = 2
_THREADS: Final = 12
_THREAD_NAME: Final = "clickhouse"
_LOOK_SECONDS: Final = 0.02


class StaleIntentError(Exception):
    """The intent was recorded too long ago for this process to be sure that the partition is still its own."""


def block_token(log: tuple[str, str, int], block: Block, scope: str, excluded: tuple[LineId, ...]) -> str:
    """The name under which ClickHouse knows a block: the same rows always have it, other rows never.

    `log` is the topic's name, its Kafka id and the partition; `scope` names table and generation. A block without some
    of its lines is another block.
    """
    topic, topic_id, partition = log
    name = f"{topic}/{topic_id}/{partition}/{block.first}-{block.end - 1}/{scope}"
    if not excluded:
        return name
    return f"{name}/without-{blake2b(repr(excluded).encode(), digest_size=8).hexdigest()}"


class Inserter:
    """A shared client and the threads that use it."""

    def __init__(self, client: Client, installation: Installation) -> None:
        """Use `client`, which stays the caller's to close."""
        self.client = client
        self.installation = installation
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=_THREAD_NAME)
        self._turns: dict[str, asyncio.Semaphore] = {}

    def turn(self, topic: str) -> asyncio.Semaphore:
        """To be held while a block is cut and stored.

        Whoever waits for a busy ClickHouse waits here, with the block not cut yet: the longer it takes, the more goes
        into it.
        """
        return self._turns.setdefault(topic, asyncio.Semaphore(_TURNS))

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function that blocks in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def insert(self, target: Target, form: str, body: bytes, name: str, until: float) -> None:
        """Insert one block and return once ClickHouse has stored it (or knows the token already).

        `until` (time.monotonic) is how long the intent vouches for the partition. Raises StaleIntentError if sending
        could not begin before, else what the client raises; then nobody knows whether the block was stored.
        """
        await self.call(self._insert, target, form, body, name, until)

    def _insert(self, target: Target, form: str, body: bytes, name: str, until: float) -> None:
        settings: dict[str, str | int] = {
            **insert_settings(name),
            "input_format_skip_unknown_fields": int(target.lenient),
        }
        table = f"{self.installation.database_of(target.table.name)}.{target.table.name}"
        if time.monotonic() >= until:
            raise StaleIntentError
        self.client.raw_insert(table, target.columns or None, body, settings=settings, fmt=form)

    def close(self, patience: float) -> bool:
        """End the threads; False if one still waits for an answer after so many seconds.

        Such a thread cannot be ended: leave the process without joining it. What it sends is safe to repeat.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + patience
        while any(thread.name.startswith(_THREAD_NAME) for thread in threading.enumerate()):
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_SECONDS)
        return True
