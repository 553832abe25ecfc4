"""Webhooks with what became of them, the newest and then each as its outcome is stored: none missed, none twice."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.live import Live, Wanted
from gateway.reading.questions import Questions
from gateway.reading.shown import iso_instant
from gateway.reading.webhook_log import Filters, read_newest
from operations.insights import Everybody, opened_store
from schemas.reference.lookup import Reference

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gateway.insights.live import Viewer
    from gateway.reading.store import ClickHouse
    from schemas.settings import Settings

__all__ = ["Told", "newest_webhooks", "watch_webhooks"]

# In which the first look at what is stored is over, unless ClickHouse is away.
_FIRST_LOOK_SECONDS: Final = 10.0
_TAKE_SECONDS: Final = 1.0
_PENDING: Final = "PENDING"


@dataclass(frozen=True, slots=True)
class Told:
    """Webhooks that came, if any did, and how it goes.

    While `watching` is false ClickHouse does not answer: what is stored meanwhile comes afterwards. `skipped` counts
    those that were dropped before these because they were taken too slowly.
    """

    rows: list[dict[str, Any]]
    watching: bool
    skipped: int = 0


async def newest_webhooks(settings: Settings, students: Sequence[int], limit: int) -> list[dict[str, Any]]:
    """So many of the log, the newest first, of all academies; of these students alone if any are named.

    Raises ClickHouse's errors.
    """
    async with opened_store(settings) as store:
        return await _newest(store, students, limit)


async def watch_webhooks(settings: Settings, students: Sequence[int], limit: int) -> AsyncGenerator[Told, None]:
    """So many of the newest, the oldest of them first, and then each webhook once, when its outcome is stored.

    It goes on without end. Raises ClickHouse's errors, but only before the first.
    """
    async with opened_store(settings) as store:
        # Whoever cannot be asked at all is told of at once.
        await _newest(store, students, 1)
        live = Live(Questions(store))
        live.start()
        try:
            async with live.viewer(Wanted(lambda: Everybody(Reference()), frozenset(students))) as viewer:
                taken = await _first_look(viewer)
                # Asked for when nothing is missed any more: what is in both was stored in between.
                newest = await _newest(store, students, limit)
                known = {row["id"] for row in newest if row["status"] != _PENDING}
                yield Told(newest[::-1], watching=viewer.watching)
                while True:
                    rows = [_shown(row, "event", "text") for row in taken if row["id"] not in known]
                    yield Told(rows, watching=viewer.watching, skipped=viewer.skipped)
                    viewer.skipped = 0
                    taken = await viewer.take(_TAKE_SECONDS)
        finally:
            await live.stop()


async def _first_look(viewer: Viewer) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_LOOK_SECONDS):
            while not viewer.watching:
                taken += await viewer.take(_TAKE_SECONDS)
    return taken


async def _newest(store: ClickHouse, students: Sequence[int], limit: int) -> list[dict[str, Any]]:
    filters = Filters(0, students=tuple(students), everyones=True)
    return [_shown(row, "shown_event", "shown_text") for row in await read_newest(store, filters, limit)]


def _shown(row: dict[str, Any], event: str, text: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "is_streaming": bool(row["is_streaming"]),
        "event": row[event],
        "student_id": row["student_id"],
        "asset_id": row["asset_id"],
        "status": row["status"],
        "status_text": row[text],
        "created_at": iso_instant(row["created_at"]),
        "updated_at": iso_instant(row["updated_at"]),
    }
