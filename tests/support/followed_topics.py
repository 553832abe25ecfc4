"""A follower of reference topics that are not there: what it is given is applied at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.following import Follow
    from schemas.reference.lookup import Reference

__all__ = ["BUG", "SHA", "TOKEN", "Topics", "unheard"]

SHA = "a" * 64
TOKEN = b'{"user_id": 1}'
BUG = RuntimeError("a mistake that nobody thought of")


def unheard(error: BaseException) -> None:
    """For views that must not fail."""
    raise error


class Topics:
    """Stands for the reference topics: followers of it apply what they are told to."""

    def __init__(self) -> None:
        self.followers: list[Topics.Follower] = []
        self.start_failures = 0
        self.records: list[tuple[bytes, bytes | None]] = [(SHA.encode(), TOKEN)]

    class Follower:
        """One follower."""

        def __init__(self, topics: Topics, reference: Reference, failed: Callable[[BaseException], None]) -> None:
            self.complete = asyncio.Event()
            self.reference = reference
            self.failed = failed
            self.stopped = False
            self._topics = topics

        async def start(self) -> None:
            """Apply everything, unless it is to fail."""
            if self._topics.start_failures:
                self._topics.start_failures -= 1
                raise BUG
            for key, value in self._topics.records:
                self.reference.apply("tokens", key, value)
            self.complete.set()

        async def stop(self) -> None:
            """Apply nothing any more."""
            self.stopped = True

    @property
    def follow(self) -> Follow:
        """What the views are made with."""

        def follow(reference: Reference, failed: Callable[[BaseException], None]) -> Topics.Follower:
            self.followers.append(Topics.Follower(self, reference, failed))
            return self.followers[-1]

        return follow
