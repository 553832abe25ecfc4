"""Webhooks as their outcomes are stored: looked for once for all who watch, and only while anybody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from broker.watched import Watched
from gateway.insights.sql_webhooks import STORED_ENDS, stored_since
from gateway.reading.questions import BusyError
from gateway.reading.shown import iso_instant, shown_student
from gateway.reading.store import ReadError
from schemas.wire.place import split_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable

    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["Live", "Viewer", "Wanted", "shown_outcome"]

_log: Final = structlog.stdlib.get_logger("gateway")

_LOOK_SECONDS: Final = 0.2
_AWAY_SECONDS: Final = 2.0

_VIEWERS: Final = 200
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


class Live:
    """Asks for new outcomes five times a second while there are viewers; `look` seconds pass between two.

    It takes `most` viewers.
    """

    def __init__(self, questions: Questions, *, look: float = _LOOK_SECONDS, most: int = _VIEWERS) -> None:
        self._most = most
        self._questions = questions
        self._look = look
        self._viewers: set[Viewer] = set()
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
    async def viewer(self, wanted: Wanted) -> AsyncIterator[Viewer]:
        """Somebody who watches for a while; raises BusyError where too many do."""
        if self._ended or len(self._viewers) >= self._most:
            raise BusyError
        viewer = Viewer(wanted)
        self._viewers.add(viewer)
        self._watched.set()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    async def _work(self) -> None:
        while True:
            await self._watched.wait()
            try:
                await self._watch()
                self._watched.clear()
            except (BusyError, ReadError) as error:
                _log.warning("new webhooks cannot be looked for", reason=str(error) or "too many questions")
                self._tell(watching=False)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _watch(self) -> None:
        """Look until nobody watches any more. What is stored before the first look is not shown."""
        if not self._ends:
            self._ends = {row["partition"]: row["last"] for row in await self._questions.rows(STORED_ENDS)}
        while self._viewers:
            sql, parameters = stored_since(self._ends)
            rows = await self._questions.rows(sql, parameters)
            for row in rows:
                partition, _ = split_place(row["id"])
                self._ends[partition] = row["id"]
            rows.sort(key=lambda row: row["updated_at"])
            for viewer in self._viewers if rows else ():
                viewer.offer(rows)
            self._tell(watching=True)
            await asyncio.sleep(self._look)
        self._ends = {}

    def _tell(self, *, watching: bool) -> None:
        for viewer in self._viewers:
            viewer.tell(watching=watching)


def shown_outcome(row: dict[str, Any], sight: Sight) -> dict[str, Any]:
    """An outcome as an academy's staff see it."""
    number = row["student_id"]
    shown = shown_student(sight.reference, number or 0, sight.academy, strict=sight.strict)
    return {
        "id": row["id"],
        "is_streaming": bool(row["is_streaming"]),
        "event": row["event"],
        "asset_id": row["asset_id"],
        "package_slug": row["package"],
        "status": row["status"],
        "status_text": row["text"],
        "verdict": row["verdict"],
        "student": None if number is None else shown,
        "created_at": iso_instant(row["created_at"]),
        "updated_at": iso_instant(row["updated_at"]),
    }
