"""One who looks for new webhooks serves all who watch."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from gateway.insights.event_stream import event_of
from gateway.insights.live import Live, ShareError, Viewer, Wanted, shown_outcome
from gateway.insights.sight import Sight
from gateway.insights.sql_webhooks import STORED_ENDS, stored_since
from gateway.reading.questions import BusyError
from gateway.reading.store import ReadError
from schemas.reference.lookup import Reference

SIGHT: Final = Sight(Reference(), 1, strict=False)


def outcome(webhook: int, academy: int = 1, **columns: Any) -> dict[str, Any]:
    """A row of the question."""
    at = datetime(2026, 4, 15, tzinfo=UTC)
    row = {"id": webhook, "academy_ids": [academy], "student_id": 7, "event": "compile", "status": "DONE"}
    return {**row, "updated_at": at, "created_at": at, **columns}


def wanted(**filters: Any) -> Wanted:
    """What staff of academy 1 want."""
    return Wanted(lambda: SIGHT, **filters)


class Told:
    """Answers of ClickHouse, one after the other, then nothing; an error is raised."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, int]] = []
        self.silent = asyncio.Event()

    async def ahead(self, sql: str, parameters: dict[str, int] | None = None) -> list[dict[str, Any]]:
        """The next answer."""
        if sql == STORED_ENDS:
            return [{"partition": 0, "last": 5}]
        self.asked.append(parameters or {})
        if not self.answers:
            self.silent.set()
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("row", "filters", "expected"),
    [
        (outcome(1), {}, True),
        (outcome(1, academy=2), {}, False),
        (outcome(1), {"students": {7}, "events": {"compile"}, "statuses": {"DONE"}}, True),
        (outcome(1), {"students": {8}}, False),
        (outcome(1), {"events": {"test"}}, False),
        (outcome(1), {"statuses": {"ERROR"}}, False),
        (outcome(1, student_id=None), {"students": {7}}, False),
    ],
)
def test_what_is_wanted(row: dict[str, Any], filters: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """Webhooks of the academy that pass all filters."""
    assert wanted(**filters).has(row) is expected


async def test_all_viewers_are_told_of_one_look() -> None:
    """Two who watch get the same rows, each of its own; the next question goes on from there."""
    told = Told([outcome(6), outcome(7, academy=2)])
    live = Live(told, look=0)  # type: ignore[arg-type]
    live.start()
    async with live.viewer(wanted()) as one, live.viewer(wanted(students={8})) as two:
        rows: list[dict[str, Any]] = []
        while not rows:
            rows = await one.take(10)
        await told.silent.wait()
        nothing = await two.take(0)
    await live.stop()

    assert [row["id"] for row in rows] == [6]
    assert nothing == []
    assert (told.asked[0]["from"], told.asked[1]["from"]) == (6, 8)


async def test_nothing_is_missed_while_clickhouse_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches is told that it is away, and what was stored meanwhile comes afterwards."""
    monkeypatch.setattr("gateway.insights.live._AWAY_SECONDS", 0.01)
    told = Told([], ReadError("away"), [outcome(9)])
    live = Live(told, look=0)  # type: ignore[arg-type]
    live.start()
    rows: list[dict[str, Any]] = []
    async with live.viewer(wanted()) as viewer:
        while not rows:
            rows = await viewer.take(10)
        assert viewer.watching
    await live.stop()

    assert [row["id"] for row in rows] == [9]
    assert told.asked[2]["from"] == 6


async def test_who_reads_too_slowly_keeps_the_newest() -> None:
    """Of more than five hundred that wait the oldest are dropped, and counted."""
    viewer = Viewer(wanted())
    viewer.offer(outcome(number) for number in range(503))

    rows = await viewer.take(0)
    assert (rows[0]["id"], rows[-1]["id"], viewer.skipped) == (3, 502, 3)


async def test_viewers_are_bounded_and_ended() -> None:
    """One more than there is room for is turned away; all are told of the end, and none comes after it."""
    live = Live(Told(), most=1)  # type: ignore[arg-type]
    async with live.viewer(wanted()) as first:
        with pytest.raises(BusyError):
            await live.viewer(wanted()).__aenter__()
        live.end()
        assert await first.take(10) == []
        assert first.ended
    with pytest.raises(BusyError):
        await live.viewer(wanted()).__aenter__()


async def test_nobody_takes_all_places() -> None:
    """Who takes all there is to have leaves as much again to others; of those that come after each has some."""
    live = Live(Told(), most=60)  # type: ignore[arg-type]
    async with AsyncExitStack() as all_of_them:
        for owner, share in (("a", 20), ("b", 13), ("c", 10), ("d", 10)):
            for _ in range(share):
                await all_of_them.enter_async_context(live.viewer(wanted(), owner))
            with pytest.raises(ShareError):
                await live.viewer(wanted(), owner).__aenter__()
        with pytest.raises(ShareError) as refused:
            await live.viewer(wanted(), "c").__aenter__()
        assert refused.value.held == 10
    async with live.viewer(wanted(), "a"):
        pass


def test_students_whom_nobody_knows_have_their_id() -> None:
    """Null is whoever is not named."""
    row = outcome(1, is_streaming=1, asset_id=None, package="p", text="OK", verdict="stored")

    assert shown_outcome(row, SIGHT)["student"] == {"id": 7, "first_name": None, "last_name": None}
    assert shown_outcome({**row, "student_id": None}, SIGHT)["student"] is None


def test_only_what_is_new_of_each_partition_is_asked_for() -> None:
    """By ranges of ids, and everything of partitions of which nothing was stored yet, before and between the others."""
    sql, parameters = stored_since({1: (1 << 40) + 5, 4: (4 << 40) + 3})

    assert sql.count(" OR ") == 2
    assert parameters == {
        "from0": 0,
        "until0": 1 << 40,
        "from1": (1 << 40) + 6,
        "until1": 4 << 40,
        "from": (4 << 40) + 4,
    }
    assert stored_since({})[1] == {"from": 0}


def test_an_event_is_one_block() -> None:
    """Whatever texts hold, no line of them begins a field."""
    assert event_of("webhook", {"text": "a\ndata: b\n\n"}, 7) == (
        b'id: 7\nevent: webhook\ndata: {"text":"a\\ndata: b\\n\\n"}\n\n'
    )
