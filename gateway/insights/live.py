"""Webhooks as their outcomes are stored: looked for once for all who watch, and only while anybody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from broker.watched import Watched
from gateway.insights.sql_webhooks import STORED_ENDS, stored_since
from gateway.reading.questions import BusyError
from gateway.reading.shown import iso_instant
from gateway.reading.store import ReadError
from schemas.wire.place import split_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable

    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["Live", "ShareError", "Viewer", "Wanted", "shown_outcome"]

_log: Final = structlog.stdlib.get_logger("gateway")

# What is stored just after a look is seen by the next one, when that has been answered.
_LOOK_SECONDS: Final = 0.1
_LEAST_PAUSE: Final = 0.02
_AWAY_SECONDS: Final = 2.0

_VIEWERS: Final = 200
# Whoever has less than this many is let in while there is room, whatever is left.
_LEAST_SHARE: Final = 10
# Of one who reads more slowly than webhooks come, so many newest ones wait.
_WAITING: Final = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which webhooks a viewer sees: those of an academy's log, and of these what all filters let pass."""

    sight: Callable[[], Sight]
    students: Collection[int] = ()
    events: Collection[str] = ()
    statuses: Collection[str] = ()

    def has(self, row: dict[str, Any]) -> bool:
        """Whether a row of the outcomes is among them, as the directory is now."""
        student = row["student_id"]
        return (
            self.sight().sees_webhook(row["academy_ids"], student)
            and (not self.students or student in self.students)
            and (not self.events or row["event"] in self.events)
            and (not self.statuses or row["status"] in self.statuses)
        )


class Viewer:
    """Somebody who watches; `skipped` counts what was dropped because it was read too slowly.

    While `watching` nothing is missed; it is false before the first look, and while ClickHouse is away.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.skipped = 0
        self.ended = self.watching = False
        self._rows: deque[dict[str, Any]] = deque()
        self._told = asyncio.Event()

    def offer(self, rows: Iterable[dict[str, Any]]) -> None:
        """Keep those of these outcomes that are wanted until they are taken."""
        for row in filter(self.wanted.has, rows):
            if len(self._rows) == _WAITING:
                self._rows.popleft()
                self.skipped += 1
            self._rows.append(row)
        if self._rows:
            self._told.set()

    def tell(self, *, watching: bool) -> None:
        """Tell whoever takes whether outcomes are looked for."""
        if watching != self.watching:
            self.watching = watching
            self._told.set()

    def end(self) -> None:
        """Tell whoever takes that there is nothing more."""
        self.ended = True
        self._told.set()

    async def take(self, seconds: float) -> list[dict[str, Any]]:
        """What came since the last time, in order; empty where nothing does in so many seconds, or it is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        rows = list(self._rows)
        self._rows.clear()
        if not self.ended:
            self._told.clear()
        return rows


class ShareError(Exception):
    """One owner watches so often already that others would find no room."""

    def __init__(self, held: int) -> None:
        super().__init__(held)
        self.held = held


class Live:
    """Asks for new outcomes ten times a second while there are viewers; `look` seconds pass from one to the next.

    It takes `most` viewers. One owner may have half as many as there is room for beside, ten at least, so that several
    who take all they can leave room for others.
    """

    def __init__(self, questions: Questions, *, look: float = _LOOK_SECONDS, most: int = _VIEWERS) -> None:
        self._most = most
        self._questions = questions
        self._look = look
        self._viewers: set[Viewer] = set()
        self._held: Counter[str] = Counter()
        self._watched = asyncio.Event()
        self._ends: dict[int, int] = {}
        self._ended = False
        self._task = Watched("live webhooks", self._work)

    def start(self) -> None:
        """Begin to wait for viewers."""
        self._task.start()

    def end(self) -> None:
        """End all viewers, and take no more: their requests would keep the server from ending."""
        self._ended = True
        for viewer in self._viewers:
            viewer.end()

    async def stop(self) -> None:
        """End all viewers and what asks for them."""
        self.end()
        await self._task.stop()

    @contextlib.asynccontextmanager
    async def viewer(self, wanted: Wanted, owner: str = "") -> AsyncIterator[Viewer]:
        """Somebody who watches for a while.

        Raises BusyError where too many do, and ShareError where too many of them are the same owner's.
        """
        room = self._most - len(self._viewers)
        if self._ended or room <= 0:
            raise BusyError
        if self._held[owner] >= max(_LEAST_SHARE, room // 2):
            raise ShareError(self._held[owner])
        viewer = Viewer(wanted)
        self._viewers.add(viewer)
        self._held[owner] += 1
        self._watched.set()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._held[owner] -= 1
            # Nothing is kept of who has gone.
            self._held += Counter()

    async def _work(self) -> None:
        while True:
            await self._watched.wait()
            try:
                await self._watch()
                self._watched.clear()
            except ReadError as error:
                _log.warning("new webhooks cannot be looked for", reason=str(error))
                self._tell(watching=False)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _watch(self) -> None:
        """Look until nobody watches any more. What is stored before the first look is not shown."""
        clock = asyncio.get_running_loop().time
        if not self._ends:
            self._ends = {row["partition"]: row["last"] for row in await self._questions.ahead(STORED_ENDS)}
        while self._viewers:
            began = clock()
            sql, parameters = stored_since(self._ends)
            rows = await self._questions.ahead(sql, parameters)
            for row in rows:
                partition, _ = split_place(row["id"])
                self._ends[partition] = row["id"]
            rows.sort(key=lambda row: row["updated_at"])
            for viewer in self._viewers if rows else ():
                viewer.offer(rows)
            self._tell(watching=True)
            await asyncio.sleep(max(_LEAST_PAUSE, began + self._look - clock()))
        self._ends = {}

    def _tell(self, *, watching: bool) -> None:
        for viewer in self._viewers:
            viewer.tell(watching=watching)


def shown_outcome(row: dict[str, Any], sight: Sight) -> dict[str, Any]:
    """An outcome as an academy's staff see it."""
    number = row["student_id"]
    return {
        "id": row["id"],
        "is_streaming": bool(row["is_streaming"]),
        "event": row["event"],
        "asset_id": row["asset_id"],
        "package_slug": row["package"],
        "status": row["status"],
        "status_text": row["text"],
        "verdict": row["verdict"],
        "student": None if number is None else sight.student(number),
        "created_at": iso_instant(row["created_at"]),
        "updated_at": iso_instant(row["updated_at"]),
    }
