"""Spools of several processes, and what is left of those that are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.durable.places import count_damaged, locked, oldest_spooled, spool_of, take_over
from gateway.durable.publishing import RawRecord
from gateway.durable.spool import Spool
from gateway.durable.spool_files import SpoolFiles
from gateway.errors import SpoolError
from schemas.wire.formats import NewerFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def fill(directory: Path, *groups: Sequence[bytes]) -> None:
    """Leave a segment for each group of payloads, as a process that was killed would."""
    for group in groups:
        files = SpoolFiles(directory)
        files.open()
        files.append(group)
        files.close()


def held(directory: Path) -> list[bytes]:
    """All payloads of a spool, the oldest first; none is left of them."""
    files = SpoolFiles(directory)
    files.open()
    payloads: list[bytes] = []
    while (segment := files.oldest()) is not None:
        payloads += segment.payloads
        files.drop(segment)
    files.close()
    return payloads


def test_one_process_has_the_root_and_several_have_places_in_it(tmp_path: Path) -> None:
    """So that a gateway of one process finds its spool where it always was."""
    assert spool_of(tmp_path, 1, 1) == tmp_path
    assert spool_of(tmp_path, 2, 3) == tmp_path / "process-2"


def test_fewer_processes_take_over_from_those_that_are_gone(tmp_path: Path) -> None:
    """The first one drains what they left, behind its own; those that are still there keep theirs."""
    for number in (1, 2, 3, 4):
        fill(spool_of(tmp_path, number, 4), [b"%d a" % number], [b"%d b" % number])

    assert take_over(tmp_path, 2) == 4

    assert held(tmp_path / "process-1") == [b"1 a", b"1 b", b"3 a", b"3 b", b"4 a", b"4 b"]
    assert held(tmp_path / "process-2") == [b"2 a", b"2 b"]
    assert take_over(tmp_path, 2) == 0


def test_one_process_takes_over_from_several_and_several_from_one(tmp_path: Path) -> None:
    """Whatever the number was and is, nobody's spool is forgotten."""
    fill(tmp_path, [b"root"])
    fill(tmp_path / "process-2", [b"second"])

    with locked(tmp_path):
        assert take_over(tmp_path, 2) == 1
    assert take_over(tmp_path, 1) == 2

    assert held(tmp_path) == [b"root", b"second"]


def test_damaged_files_are_taken_along_and_counted(tmp_path: Path) -> None:
    """Somebody must look into them, wherever they are; no two get one number."""
    for number in (1, 3):
        place = tmp_path / f"process-{number}"
        fill(place, [b"kept"])
        (place / "000000000001.segment").rename(place / "000000000001.damaged")

    assert count_damaged(tmp_path) == 2
    assert take_over(tmp_path, 1) == 2
    assert count_damaged(tmp_path) == 2
    assert len(list(tmp_path.glob("*.damaged"))) == 2


def test_a_spool_that_is_in_use_is_not_taken(tmp_path: Path) -> None:
    """A process of an earlier gateway may still be on its way out."""
    fill(tmp_path / "process-2", [b"its"])

    with locked(tmp_path / "process-2"), pytest.raises(SpoolError, match="another gateway uses the spool"):
        take_over(tmp_path, 1)

    assert held(tmp_path / "process-2") == [b"its"]


def test_nothing_is_taken_over_of_a_newer_release(tmp_path: Path) -> None:
    """Nor of the others: that release may know better where it belongs."""
    for number in (2, 3):
        fill(tmp_path / f"process-{number}", [b"its"])
    (tmp_path / "process-3" / "format").write_text("2\n")

    with pytest.raises(NewerFormatError, match=r"process-3: written in format 2"):
        take_over(tmp_path, 1)
    assert held(tmp_path / "process-2") == [b"its"]


def test_what_is_no_spool_is_left_alone(tmp_path: Path) -> None:
    """Only names that this module gives are looked at."""
    (tmp_path / "process-x").mkdir()
    (tmp_path / "process-x" / "000000000001.segment").write_bytes(b"")

    assert take_over(tmp_path, 1) == 0


async def test_the_oldest_that_waits_is_found_in_any_spool(tmp_path: Path) -> None:
    """Past what is drained and what cannot be read; nothing waits in an empty one."""
    assert oldest_spooled(tmp_path) is None
    fill(tmp_path / "process-1", [b"no record"])
    for number, arrivals in ((1, (7, 5)), (2, (3, 6))):
        spool = Spool(spool_of(tmp_path, number, 2), 1 << 20)
        await spool.open()
        for arrival in arrivals:
            await spool.append(RawRecord(b"k", b"{}", [], arrival))
        await spool.close()

    assert oldest_spooled(tmp_path) == 3
    spool = Spool(spool_of(tmp_path, 2, 2), 1 << 20)
    await spool.open()
    waiting = await spool.oldest()
    assert waiting is not None
    await spool.note(waiting, 1)
    assert oldest_spooled(tmp_path) == 6
    await spool.close()
