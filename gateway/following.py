"""The gateway's view of the reference topics: who may do what, which rules, assets, users and tasks there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from aiokafka.errors import KafkaError

from gateway.token_cache import TokenCache
from schemas.reference import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.directory import Token

__all__ = ["Follow", "Follower", "Views"]

_log: Final = structlog.stdlib.get_logger("gateway")

_RETRY_SECONDS: Final = 1.0
_SAVE_SECONDS: Final = 5.0


class Follower(Protocol):
    """Applies the records of the reference topics to a Reference, first all there are, then each as it arrives."""

    complete: asyncio.Event

    async def start(self) -> None:
        """Connect and begin; raises KafkaError if no broker answers."""

    async def stop(self) -> None:
        """Stop following; what was applied stays."""


# Makes a follower for a view. The callback is called if it fails later: a view that stands still must end the process.
Follow = Callable[[Reference, Callable[[BaseException], None]], Follower]


class Views:
    """A Reference and what is known of its state.

    Attributes:
        reference: What the reference topics say; to be relied on once `complete`.
        usable: Set once uploads can be judged: the view is complete, or tokens of an earlier run were found.
    """

    def __init__(self, follow: Follow, cache_directory: Path, on_failed: Callable[[BaseException], None]) -> None:
        self.reference = Reference()
        self.usable = asyncio.Event()
        self._follow = follow
        self._cache = TokenCache(cache_directory)
        self._on_failed = on_failed
        self._complete = False
        self._task: asyncio.Task[None] | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was in the topics at the start is applied."""
        return self._complete

    def token(self, sha256: str) -> Token | None:
        """The token with a SHA-256, as an earlier run knew it as long as the view is not complete."""
        return self.reference.token(sha256) if self._complete else self._cache.token(sha256)

    async def start(self) -> None:
        """Begin to follow, in the background and for as long as it takes."""
        if await asyncio.to_thread(self._cache.load):
            self.usable.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        follower = await self._started()
        try:
            await follower.complete.wait()
            self._complete = True
            self.usable.set()
            while True:
                await self._save()
                await asyncio.sleep(_SAVE_SECONDS)
        finally:
            await follower.stop()

    async def _started(self) -> Follower:
        while True:
            follower = self._follow(self.reference, self._on_failed)
            try:
                await follower.start()
            except KafkaError as error:
                _log.warning("the reference topics cannot be read yet", reason=str(error))
                await follower.stop()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return follower

    async def _save(self) -> None:
        try:
            await asyncio.to_thread(self._cache.save, self.reference)
        except OSError as error:
            _log.warning("the tokens cannot be saved for a start without Kafka", reason=str(error))
