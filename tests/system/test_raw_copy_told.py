"""What `raw copy` leaves out, warns of, and says where it is interrupted."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import pytest

from broker import clients
from operations.raw_log.partition_copy import PartitionCopy
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.staff import ForgetCommand, encode_command
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.generations import Generation
from tests.support.raw_log import MARGIN, ids, long_kept

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
def own(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions, tables that keep the load's days, and few records that fill a copy."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    return long_kept(settings, monkeypatch)


def test_students_are_left_out(own: Settings, processes: Processes, tmp_path: Path) -> None:
    """A copy without a student holds everybody else's records; with another choice it cannot be finished."""
    Generation(own, processes, tmp_path).setup()
    headers = encode_headers(RawHeaders(principal="7"))
    bodies: list[tuple[bytes, bytes, Any]] = [
        (b"7", b'{"user_id": 7, "slug": "a"}', []),
        (b"8", b'{"user_id": 8, "slug": "a"}', []),
        (b"7", b'{"slug": "a"}', headers),
        (b"9", b'{"user_id": 9, "slug": "a"}', headers),
        (b"telemetry:t", b'{"telemetry_id": "t", "slug": "a"}', []),
    ]
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, *body) for body in bodies]))

    assert command("raw", "copy", "clean", "--without", 7).out.startswith("2 records copied, 3 left out.")
    clean = own.model_copy(update={"raw_topic": "clean"})
    assert {key for _, key, *_ in ids(clean)} == {b"8", b"telemetry:t"}
    refused = command("raw", "copy", "clean", "--without", 8)
    assert refused.code == 1
    assert "clean was begun leaving out some students: give the `--without` of then, or" in refused.complaint
    odd = command("raw", "copy", "odd", "--partitions", 3)
    assert (odd.code, "odd cannot have 3 partitions: " in odd.complaint) == (1, True)
    other = command("raw", "copy", "clean", "--partitions", 4)
    assert (other.code, "clean is taken: it has 2 partitions, not 4; choose another name, or" in other.complaint) == (
        1,
        True,
    )
    assert command("raw", "copy", "clean", "--without", "07").out.startswith("0 records copied, 0 left out.")

    forgotten = [encode_command(ForgetCommand("student.forget", actor, [], [])) for actor in ("7", "9", "a b")]
    staff = encode_headers(RawHeaders(source="staff"))
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"k", value, staff) for value in forgotten]))
    warned = command("raw", "copy", "clean", "--without", "07")
    assert warned.out.startswith("2 records copied, 1 left out.")
    assert f"warning: {Topics.of(clean).raw} holds what `forget` has erased of 9, a b, as far as " in warned.complaint
    assert "under another name with --without 9 --without 'a b', or run `forget` again" in warned.complaint


def test_a_record_with_neither_key_nor_value_is_copied(own: Settings, processes: Processes, tmp_path: Path) -> None:
    """Whoever has written it into the log: it stays in its partition, and what is behind it is copied, too."""
    Generation(own, processes, tmp_path).setup()
    body = b'{"user_id": 7, "slug": "a"}'

    async def write() -> None:
        async with clients.opened(clients.producer(own.kafka_options())) as producer:
            for key, value in ((None, None), (b"7", body)):
                await producer.send_and_wait(Topics.of(own).raw, value, key, partition=1)

    asyncio.run(write())
    assert command("raw", "copy", "foreign").out.startswith("2 records copied, 0 left out.")
    copy = Topics.of(own.model_copy(update={"raw_topic": "foreign"}))
    copied = asyncio.run(read_all(own.kafka, copy.raw, 2))
    assert [(one.partition, one.key, one.value) for part in copied for one in part] == [
        (1, None, None),
        (1, b"7", body),
    ]


def test_a_copy_that_is_interrupted_says_how_far_it_came(
    own: Settings, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it with what is copied and what is to come; the same command copies the rest."""
    Generation(own, processes, tmp_path).setup()
    body = b'{"user_id": 7, "slug": "a"}'
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(number, b"7", body, []) for number in (0, 1)]))
    copy_some, is_copied = PartitionCopy.copy_some, asyncio.Event()

    async def interrupted_in_the_second(copy: PartitionCopy) -> tuple[int, int]:
        if copy.source.partition:
            await is_copied.wait()
            # As the terminal's Ctrl-C does.
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        copied = await copy_some(copy)
        is_copied.set()
        return copied

    with monkeypatch.context() as patched:
        patched.setattr(PartitionCopy, "copy_some", interrupted_in_the_second)
        interrupted = command("raw", "copy", "late")

    assert (interrupted.code, interrupted.out) == (130, "")
    reached = "interrupted: 1 record copied, 0 left out, 1 offset of the log is still to come."
    assert interrupted.complaint == f"{reached} The same command goes on from there."
    assert command("raw", "copy", "late").out.startswith("1 record copied, 0 left out.")
