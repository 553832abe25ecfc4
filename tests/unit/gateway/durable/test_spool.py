"""The spool as the event loop sees it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from gateway.durable.publishing import RawRecord
from gateway.durable.spool import Spool
from gateway.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """An open spool of a megabyte."""
    opened = Spool(tmp_path / "spool", 1 << 20)
    await opened.open()
    yield opened
    await opened.close()


def record(number: int, size: int = 10) -> RawRecord:
    """A record that its number tells from others."""
    return RawRecord(b"%d" % number, b"x" * size, [("receipt", b"%d" % number)], number, number % 3 or None)


async def test_records_come_back_as_they_were(spool: Spool) -> None:
    """Key, value, headers, time and partition survive the disk."""
    records = [record(number) for number in range(20)]
    for one in records:
        await spool.append(one)

    taken = await spool.oldest()

    assert taken is not None
    assert taken.records == records
    await spool.forget(taken)
    assert spool.empty
    assert spool.records == 0


async def test_many_that_wait_are_synced_together(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is waited for a few times, not a thousand."""
    synced = []
    sync = os.fdatasync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    await asyncio.gather(*(spool.append(record(number)) for number in range(1000)))

    assert spool.records == 1000
    assert 1 <= len(synced) <= 10


async def test_a_full_spool_refuses_and_takes_again(spool: Spool) -> None:
    """It says what to do, and once drained it has room."""
    await spool.append(record(1, 900_000))
    with pytest.raises(SpoolError, match="raise TELEMETRY_SPOOL_MAX_BYTES or mend Kafka"):
        await spool.append(record(2, 200_000))
    taken = await spool.oldest()
    assert taken is not None
    await spool.forget(taken)

    await spool.append(record(3, 200_000))

    assert spool.records == 1


async def test_it_is_not_empty_while_something_is_on_its_way(spool: Spool) -> None:
    """A record counts from the moment that it is handed over."""
    waiting = asyncio.create_task(spool.append(record(1)))
    await asyncio.sleep(0)

    assert not spool.empty

    await waiting
    assert not spool.empty


async def test_a_disk_that_fails_is_told(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears of it and the next record is safe again."""

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(SpoolError, match="Input/output error"):
            await spool.append(record(1))

    await spool.append(record(2))

    assert spool.records == 1
