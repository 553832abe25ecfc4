"""The gateway's view of the reference topics: who may do what, which rules, assets, users and tasks there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from broker.watched import Watched
from gateway.token_cache import TokenCache
from schemas.reference.lookup import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from tenacity.wait import wait_base

    from schemas.reference.directory import Token
    from schemas.reference.lookup import Kind

__all__ = ["Follow", "Follower", "Views"]

_log: Final = structlog.stdlib.get_logger("gateway")

_SAVE_SECONDS: Final = 5.0
_PAUSES: Final = wait_exponential_jitter(multiplier=0.5, max=2.0, jitter=0.2)


class Follower(Protocol):
    """Applies the records of the reference topics to a Reference, first all there are, then each as it arrives."""

    complete: asyncio.Event

    async def start(self) -> None:
        """Connect and begin; raises KafkaError if no broker answers."""

    async def stop(self) -> None:
        """Stop following; what was applied stays."""


# Makes a follower for a view. The callback is called if it fails later: a view that stands still must end the process.
Follow = Callable[[Reference, Callable[[BaseException], None]], Follower]


class _Followed(Reference):
    """What the topics say, and whether that of the tokens says anything."""

    def __init__(self) -> None:
        super().__init__()
        self.has_heard_of_tokens = False

    def apply(self, kind: Kind, key: bytes, value: bytes | None) -> None:
        """Take over a record, as a Reference does."""
        if kind == "tokens":
            self.has_heard_of_tokens = True
        super().apply(kind, key, value)


class Views:
    """A Reference and what is known of its state.

    Attributes:
        reference: What the reference topics say; to be relied on once `complete`.
        usable: Set once uploads can be judged: the view is complete, or tokens of an earlier run were found.
    """

    def __init__(
        self,
        follow: Follow,
        cache_directory: Path,
        on_failed: Callable[[BaseException], None],
        *,
        keeps: bool = True,
        pauses: wait_base = _PAUSES,
    ) -> None:
        """`keeps` is whether this process writes the tokens to the cache directory, which only one may at a time."""
        self._keeps = keeps
        self.reference = _Followed()
        self.usable = asyncio.Event()
        self._follow = follow
        self._cache = TokenCache(cache_directory)
        self._on_failed = on_failed
        self._complete = self._dead = False
        self._pauses = pauses
        self._following = Watched("reference views", self._run, wait=pauses)
        self._saving = Watched("token cache", self._save, wait=pauses)

    @property
    def complete(self) -> bool:
        """Whether everything that was in the topics at the start is applied, and what came since as well."""
        return self._complete

    def token(self, sha256: str) -> Token | None:
        """The token with a SHA-256, as an earlier run knew it as long as the view is not complete.

        So, too, while the topic of the tokens has no record, not even one that takes a token back: it was made anew
        then, and to refuse all students would lose what they send.
        None for every token once the view has failed: what it said may have been revoked since.
        """
        if self._dead:
            return None
        if self._complete and self.reference.has_heard_of_tokens:
            return self.reference.token(sha256)
        return self._cache.token(sha256)

    async def start(self) -> None:
        """Begin to follow, in the background and for as long as it takes."""
        if await asyncio.to_thread(self._cache.load):
            self.usable.set()
        self._following.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._saving.stop()
        await self._following.stop()

    async def _run(self) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(KafkaError), wait=self._pauses, before_sleep=_tell
        ):
            with attempt:
                await self._follow_once()

    async def _follow_once(self) -> None:
        # A view of its own each time: an earlier one may hold what was revoked since.
        reference = _Followed()
        follower = self._follow(reference, self._failed)
        try:
            await follower.start()
            await follower.complete.wait()
            self.reference = reference
            self._complete = not self._dead
            if reference.has_heard_of_tokens:
                self._cache.forget()
            elif self._cache.holds_any:
                _log.error(
                    "the topic of the tokens is empty: those of the last run stay in force; create them again with "
                    "`learnpack-telemetry token create`"
                )
            self.usable.set()
            if self._keeps:
                self._saving.start()
            await asyncio.Event().wait()
        finally:
            self._complete = False
            await follower.stop()

    def _failed(self, error: BaseException) -> None:
        self._dead, self._complete = True, False
        self._on_failed(error)

    async def _save(self) -> None:
        while True:
            if not self.reference.has_heard_of_tokens and self._cache.holds_any:
                await asyncio.sleep(_SAVE_SECONDS)
                continue
            self._cache.forget()
            tokens = tuple(self.reference.records("tokens"))
            try:
                await asyncio.to_thread(self._cache.save, tokens)
            except OSError as error:
                _log.warning("the tokens cannot be saved for a start without Kafka", reason=str(error))
            await asyncio.sleep(_SAVE_SECONDS)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    _log.warning("the reference topics cannot be read yet", reason=str(error))
