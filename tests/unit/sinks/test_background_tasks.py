"""Every background task of the sink, hit by an unexpected error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from broker import clients, ending
from schemas.exits import ExitCode
from schemas.settings import Settings
from schemas.wire.topics import Topics
from sinks import main as module
from sinks.errors import FencedError
from sinks.writer.assignment import Assignment
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Limits
from sinks.writer.commits import Commits
from sinks.writer.group import Group
from sinks.writer.inserter import Inserter
from sinks.writer.lane import Lane
from sinks.writer.routes import derived_routes

BUG = RuntimeError("a mistake that nobody thought of")
PLACE = TopicPartition("topic", 0)


class Parts:
    """Stands where Kafka and ClickHouse are needed; what is named in `broken` fails the first two times."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.failures = 0
        self.runs: dict[str, int] = {}
        self.stop: asyncio.Event | None = None

    def called(self, name: str) -> bool:
        """Count a call; raises where that is broken; whether it has worked after failing."""
        self.runs[name] = self.runs.get(name, 0) + 1
        if name == self.broken and self.failures < 2:
            self.failures += 1
            raise BUG
        return name == self.broken

    async def start(self) -> None:
        """As a producer."""

    async def run(self, stop: asyncio.Event) -> None:
        """As a group: until told to stop."""
        self.called("group")
        self.stop = stop
        await stop.wait()

    name = "sink.raw"

    def has(self, _partition: TopicPartition) -> bool:
        """As a group."""
        return False

    async def keep_fresh(self, *_arguments: Any, **_named: Any) -> None:
        """As the daily aggregates."""
        if self.called("daily"):
            await self.end()
        await asyncio.Event().wait()

    async def superseded(self) -> None:
        """As what watches the journal."""
        if not self.called("generation"):
            await asyncio.Event().wait()

    async def announce(self, *_arguments: Any) -> None:
        """As the readiness file."""
        if self.called("announcement"):
            await self.end()

    async def end(self) -> None:
        """Tell the groups to stop, as a signal does."""
        while self.stop is None:  # noqa: ASYNC110 - the group sets it in its first turn
            await asyncio.sleep(0)
        self.stop.set()


@pytest.mark.parametrize(
    ("broken", "code"), [("group", 1), ("daily", 0), ("announcement", 0), ("generation", ExitCode.SUPERSEDED)]
)
def test_no_task_of_the_process_dies_unseen(monkeypatch: pytest.MonkeyPatch, broken: str, code: int) -> None:
    """It begins again, or the process ends with a message and a code."""
    parts = Parts(broken)

    async def connected(*_arguments: Any) -> bool:
        return True

    # It would end this process.
    monkeypatch.setattr(ending, "end_within", lambda *_: None)
    monkeypatch.setattr(Inserter, "connect", connected)
    monkeypatch.setattr(clients, "producer", lambda *_options, **_more: _Producer())
    monkeypatch.setattr(module, "Group", lambda *_arguments, **_named: parts)
    monkeypatch.setattr(module, "keep_fresh", parts.keep_fresh)
    monkeypatch.setattr(module, "_announce", parts.announce)

    with capture_logs() as logged:
        ended = module.main(Settings(), superseded=parts.superseded)

    assert ended == code
    assert parts.runs[broken] == (2 if broken == "group" else 3)
    told = [entry for entry in logged if "nobody thought of" in str(entry.get("reason"))]
    assert len(told) == (1 if broken == "group" else 2)


class _Producer:
    """Stands for aiokafka's."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""


class _Consumer:
    """A consumer that fails as no broker would."""

    async def commit(self, _offsets: Any) -> None:
        """Fail."""
        raise BUG


class _Lane:
    """A lane that ends in some way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def run(self) -> None:
        """End."""
        raise self.error

    buffers: dict[TopicPartition, Any] = {}  # noqa: RUF012 - nobody writes there

    def drain(self) -> None:
        """Nothing is in hand."""

    async def release(self) -> None:
        """Nothing was its own."""


async def test_a_commit_that_fails_ends_its_sink() -> None:
    """The group hears of the error of a real lane's first commit."""
    (route, *_) = derived_routes(Topics("t.", 1))
    nobody: Any = None
    lane = Lane(
        route,
        {PLACE: Bookmark("id", 1)},
        run=1,
        limits=Limits(),
        inserter=nobody,
        commits=Commits(_Consumer()),
        dead_letters=nobody,
    )
    failures: asyncio.Queue[Exception] = asyncio.Queue()
    assignment = Assignment({PLACE.topic: lane}, failures.put_nowait)
    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="nobody thought of"):
            raise await failures.get()
    await assignment.close(0)


async def test_a_lane_that_fails_ends_its_sink() -> None:
    """The group hears of the error; of a fenced lane only when."""
    failures: asyncio.Queue[Exception] = asyncio.Queue()
    fenced: Any = _Lane(FencedError("gone"))
    broken: Any = _Lane(BUG)
    assignment = Assignment({PLACE.topic: fenced}, failures.put_nowait)
    async with asyncio.timeout(10):
        while assignment.fenced_at is None:  # noqa: ASYNC110 - it is set within the loop's next turns
            await asyncio.sleep(0)
        assert failures.empty()
        await assignment.close(0)
        assignment = Assignment({PLACE.topic: broken}, failures.put_nowait)
        with pytest.raises(RuntimeError, match="nobody thought of"):
            raise await failures.get()
    await assignment.close(0)


async def test_an_assignment_that_fails_ends_its_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in a rebalance is not left to the client, which would log it and read nothing."""
    group = Group({}, "group", {})

    async def fail(*_arguments: Any) -> None:
        raise BUG

    async def nothing(**_named: Any) -> dict[TopicPartition, Any]:
        return {}

    monkeypatch.setattr(group, "_begin_assignment", fail)
    monkeypatch.setattr(group._consumer, "getmany", nothing)  # noqa: SLF001
    await group.on_partitions_assigned({PLACE})
    with pytest.raises(RuntimeError, match="nobody thought of"):
        await group._poll()  # noqa: SLF001 - one turn of `run`
    await group._consumer.stop()  # noqa: SLF001


def test_a_sink_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of no known kind is one line and the code 1, not a bare traceback."""

    async def fail(*_arguments: Any) -> None:
        raise BUG

    monkeypatch.setattr(Inserter, "connect", fail)
    with capture_logs() as logged:
        assert module.main(Settings(), superseded=asyncio.Event().wait) == 1
    assert [entry["reason"] for entry in logged if entry["event"] == "sink stopped"] == [f"RuntimeError: {BUG}"]
