"""The service: what its figures say of a pass, and which pass compares all rows."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from operations.directory_sync import service
from operations.directory_sync.compared import Compared
from operations.directory_sync.comparing import Policy
from operations.directory_sync.held import Held
from operations.directory_sync.metrics import HELD_BACK, PASSES, SYNC, SYNCED_AT
from operations.postgres import PostgresError
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from operations.directory_sync.service import Job


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each pass of a service was whole; the first is cut off by PostgreSQL, the second holds users back."""
    seen: list[bool] = []

    @contextlib.asynccontextmanager
    async def following(_settings: Settings, job: Job) -> AsyncIterator[tuple[Held, asyncio.Future[None]]]:
        yield Held(job.queries), asyncio.get_running_loop().create_future()

    async def compared(*_: object, whole: bool, stop: asyncio.Event, **__: object) -> list[Compared]:
        seen.append(whole)
        if len(seen) == 1:
            raise PostgresError
        if len(seen) == 4:
            stop.set()
        return [Compared("users", unmoved=3 if len(seen) == 2 else 0)]

    async def sleep(_seconds: float, _stop: asyncio.Event) -> None:
        held_back.append((SYNC.ready, HELD_BACK.labels("users")._value.get()))  # noqa: SLF001 - what is told of it

    held_back: list[tuple[bool, float]] = []
    monkeypatch.setattr(service, "_following", following)
    monkeypatch.setattr(service, "_compared", compared)
    monkeypatch.setattr(service, "_sleep", sleep)
    SYNCED_AT.set(0)
    asyncio.run(service.sync_again_and_again(Settings(), service.Job("", {"users": ""}, Policy()), 1, asyncio.Event()))
    assert held_back == [(False, 0), (False, 3), (True, 0), (True, 0)]
    return seen


async def test_what_is_counted_begins_at_0() -> None:
    """Each result is there before a pass had it, so that the first one is seen to rise."""
    stop = asyncio.Event()
    stop.set()
    PASSES.clear()
    await service.sync_again_and_again(Settings(), service.Job("", {"users": ""}, Policy()), 1, stop)

    (metric,) = PASSES.collect()
    totals = {sample.labels["result"]: sample.value for sample in metric.samples if sample.name.endswith("_total")}
    assert totals == {"whole": 0, "held_back": 0, "failed": 0}


def test_a_pass_that_holds_something_back_is_not_ready(passes: list[bool]) -> None:
    """It counts by itself, and is no time from which the directory is as the LMS has it."""
    assert PASSES.labels("held_back")._value.get() >= 1  # noqa: SLF001 - what is told of it
    assert SYNCED_AT._value.get() > 0  # noqa: SLF001 - as above
    assert len(passes) == 4


def test_the_first_pass_compares_all_rows(passes: list[bool]) -> None:
    """Until one has come to its end, and from then on once a day."""
    assert passes == [True, True, False, False]
