"""The spool's files, whatever happens to them."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from gateway.durable import spool_files
from gateway.durable.spool_files import SpoolFiles
from gateway.errors import SpoolError
from tests.support.examples import examples

if TYPE_CHECKING:
    from pathlib import Path


def opened(directory: Path) -> SpoolFiles:
    """The spool of a new process."""
    files = SpoolFiles(directory)
    files.open()
    return files


def drained(files: SpoolFiles) -> list[bytes]:
    """All payloads, which are gone then."""
    found: list[bytes] = []
    while (segment := files.oldest()) is not None:
        found.extend(segment.payloads)
        files.drop(segment)
    return found


def segments(directory: Path) -> list[Path]:
    """The files of segments, oldest first."""
    return sorted(directory.glob("*.segment"))


@given(st.lists(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), max_size=6))
@settings(max_examples=examples(30))
def test_payloads_come_back_in_order(tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]]) -> None:
    """Through a restart, whatever they hold."""
    directory = tmp_path_factory.mktemp("spool")
    files = opened(directory)
    for group in groups:
        files.append(group)
    files.close()

    again = opened(directory)

    assert drained(again) == [payload for group in groups for payload in group]
    assert again.size == 0
    assert segments(directory) == []
    again.close()


def test_an_earlier_process_leaves_its_count(tmp_path: Path) -> None:
    """Opening tells how many frames wait."""
    files = opened(tmp_path)
    files.append([b"a", b"b"])
    files.append([b"c"])
    files.close()

    assert SpoolFiles(tmp_path).open() == 3


def test_a_spool_has_one_owner(tmp_path: Path) -> None:
    """A second process is told what to do; when the first has gone it may have it."""
    first = opened(tmp_path)
    with pytest.raises(SpoolError, match="give each its own with TELEMETRY_SPOOL"):
        opened(tmp_path)
    first.close()

    opened(tmp_path).close()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The error says which and what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolError, match=r"cannot use the spool .*file/spool"):
        opened(tmp_path / "file" / "spool")


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_torn_write_costs_only_itself(tmp_path: Path, cut: int) -> None:
    """What was synced before is there, and so is what a new process appends."""
    files = opened(tmp_path)
    files.append([b"whole"])
    files.append([b"torn, for the power went"])
    files.close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])

    again = opened(tmp_path)
    again.append([b"later"])

    assert drained(again) == [b"whole", b"later"]
    again.close()


def test_damage_costs_only_the_frame_that_it_hit(tmp_path: Path) -> None:
    """Frames behind it are found again by their mark, and the segment is kept aside."""
    files = opened(tmp_path)
    files.append([b"first", b"second", b"third"])
    files.close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"second", b"sEcond"))

    again = opened(tmp_path)

    assert drained(again) == [b"first", b"third"]
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    again.close()


@given(st.binary(max_size=300))
@settings(max_examples=examples(50))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever stands in a segment, the spool opens and goes on."""
    directory = tmp_path_factory.mktemp("spool")
    (directory / "000000000001.segment").write_bytes(data)
    (directory / "drained").write_bytes(data[:7])
    files = opened(directory)
    files.append([b"new"])

    assert drained(files)[-1] == b"new"
    files.close()


def test_a_noted_beginning_is_not_drained_again(tmp_path: Path) -> None:
    """A process that takes over begins where the last one stopped."""
    files = opened(tmp_path)
    files.append([b"a", b"b", b"c"])
    segment = files.oldest()
    assert segment is not None
    files.note(segment, 2)
    files.close()

    again = opened(tmp_path)

    assert drained(again) == [b"c"]
    again.close()


def test_a_failed_write_is_not_taken_for_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error reaches the caller; what follows goes to another file and is safe."""
    files = opened(tmp_path)
    files.append([b"before"])

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            files.append([b"lost"])
    files.append([b"after"])

    assert [payload for payload in drained(files) if payload != b"lost"] == [b"before", b"after"]
    files.close()


@pytest.mark.parametrize("broken", ["write", "fdatasync", "fsync"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """However often it is tried: no empty segment, no torn frame, and the size is that of the files."""
    files = opened(tmp_path)
    files.append([b"before"])

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, full)
        for _ in range(50):
            with contextlib.suppress(OSError):
                files.append([b"refused"])
    files.append([b"after"])

    assert len(segments(tmp_path)) <= 2
    assert files.size == sum(path.stat().st_size for path in segments(tmp_path))
    kept = drained(files)
    assert [kept[0], kept[-1]] == [b"before", b"after"]
    assert files.damaged() == 0
    files.close()


def test_a_torn_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk took of a refused group is cut off: it is no damage, for nobody was told that it is safe."""
    files = opened(tmp_path)
    files.append([b"before"])
    write = os.write

    def some(descriptor: int, data: memoryview) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:9])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", some)
        with pytest.raises(OSError, match="No space"):
            files.append([b"refused, for there was no room"])

    assert files.size == sum(path.stat().st_size for path in segments(tmp_path))
    assert drained(files) == [b"before"]
    assert files.damaged() == 0
    files.close()


def test_what_is_kept_aside_is_never_overwritten(tmp_path: Path) -> None:
    """A damaged segment of an earlier run keeps its name, whatever is damaged later."""
    for run in range(3):
        files = opened(tmp_path)
        files.append([b"%d" % run, b"second"])
        files.close()
        (path,) = segments(tmp_path)
        path.write_bytes(path.read_bytes().replace(b"second", b"sEcond"))
        files = opened(tmp_path)
        assert drained(files) == [b"%d" % run]
        assert files.damaged() == run + 1
        files.close()


def test_segments_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long outage makes many of them, so that draining reads a little at a time."""
    monkeypatch.setattr(spool_files, "_SEGMENT_BYTES", 200)
    files = opened(tmp_path)
    for number in range(20):
        files.append([b"%040d" % number])

    assert len(segments(tmp_path)) > 5
    assert drained(files) == [b"%040d" % number for number in range(20)]
    files.close()


class SpoolMachine(RuleBasedStateMachine):
    """Appends, drains, notes and dies in any order; no payload that was synced is lost or comes out of order."""

    factory: ClassVar[pytest.TempPathFactory]

    @initialize()
    def begin(self) -> None:
        """Start with an empty spool."""
        self.directory = self.factory.mktemp("spool")
        self.files = opened(self.directory)
        self.waiting: list[bytes] = []
        self.number = 0

    @rule(count=st.integers(1, 4))
    def append(self, count: int) -> None:
        """A group is synced."""
        group = [b"%d" % (self.number + index) for index in range(count)]
        self.number += count
        self.files.append(group)
        self.waiting += group

    @rule(share=st.floats(0, 1), finish=st.booleans())
    def drain(self, share: float, finish: bool) -> None:  # noqa: FBT001 - drawn
        """The oldest segment is sent, in part or whole."""
        segment = self.files.oldest()
        if segment is None:
            assert self.waiting == []
            return
        assert self.waiting[: len(segment.payloads)] == segment.payloads
        taken = len(segment.payloads) if finish else int(share * len(segment.payloads))
        self.files.note(segment, segment.drained + taken)
        self.waiting = self.waiting[taken:]
        if finish:
            self.files.drop(segment)

    @rule()
    def die(self) -> None:
        """The process is killed and another one takes over."""
        # The kernel closes what the process had open.
        for descriptor in (self.files._lock, self.files._file):  # noqa: SLF001 - as a kill does
            if descriptor >= 0:
                os.close(descriptor)
        self.files = SpoolFiles(self.directory)
        assert self.files.open() == len(self.waiting)

    def teardown(self) -> None:
        """At the end everything that waits comes out."""
        if hasattr(self, "files"):
            assert drained(self.files) == self.waiting
            self.files.close()


def test_nothing_synced_is_lost(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever order of appending, draining and dying."""
    SpoolMachine.factory = tmp_path_factory

    run_state_machine_as_test(
        SpoolMachine, settings=settings(max_examples=examples(40), stateful_step_count=20, deadline=None)
    )
