"""Running the core over a chunk and sorting out what it cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import TooMuchAtOnce
from streams.processing import Core, Load, SplitError, process
from tests.chaos.fake_core import CORE, FakeEffects, FakeProcessor, fold
from tests.unit.streams.records import record

if TYPE_CHECKING:
    from typing import Any


def nothing(_key: bytes) -> bytes | None:
    """An empty state table."""
    return None


@given(st.lists(st.booleans(), min_size=1, max_size=16))
def test_bad_records_are_left_out_and_the_others_are_folded(good: list[bool]) -> None:
    """The result is that of the good records alone; the bad ones are described in order."""
    records = [record(at, b"{}" if fine else b"no JSON") for at, fine in enumerate(good)]

    processed = process(CORE, nothing, records)

    facts = processed.effects.facts if processed.effects is not None else []
    assert facts == fold([one for one, fine in zip(records, good, strict=True) if fine]).facts
    assert [dead.record.offset for dead in processed.dead] == [at for at, fine in enumerate(good) if not fine]


def test_a_record_that_makes_the_core_raise_leaves_the_state_as_it_was() -> None:
    """The student's next record goes on from the state before the poison."""
    records = [record(0), record(1, b'{"raise": "boom"}'), record(2)]

    processed = process(CORE, nothing, records)

    assert processed.effects is not None
    ((_, state),) = processed.effects.changes
    assert state is not None
    assert orjson.loads(state)["n"] == 2
    assert processed.dead[0].reason == "RuntimeError: boom"


def test_many_bad_records_are_processed_in_smaller_pieces() -> None:
    """Starting a large chunk again for each of them would not end."""
    with pytest.raises(SplitError):
        process(CORE, nothing, [record(at, b"no JSON") for at in range(40)])


class _FailsAtTheEnd(FakeProcessor):
    def finish(self) -> FakeEffects:
        message = "at the end"
        raise RuntimeError(message)


def test_a_core_that_raises_at_the_end_is_tried_record_by_record() -> None:
    """Of several records the culprit is not known, of one it is."""
    core = Core(_FailsAtTheEnd, CORE.dead_outcome)

    with pytest.raises(SplitError):
        process(core, nothing, [record(0), record(1)])
    processed: Any = process(core, nothing, [record(0)])

    assert processed.effects is None
    assert processed.dead[0].reason == "RuntimeError: at the end"


class _AsksForLess(FakeProcessor):
    """A core that does two records at a time."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self._done = 0

    def apply(self, record: Any) -> None:
        if self._done == 2:
            raise TooMuchAtOnce
        self._done += 1
        super().apply(record)


def test_a_core_that_finds_the_work_too_much_gets_smaller_pieces() -> None:
    """That is no fault of the record at which it says so."""
    core = Core(_AsksForLess, CORE.dead_outcome)

    with pytest.raises(SplitError):
        process(core, nothing, [record(at) for at in range(3)])
    assert not process(core, nothing, [record(0), record(1)]).dead


def test_records_that_need_much_state_are_processed_in_smaller_pieces() -> None:
    """What a chunk decodes at once is bounded, but a record alone gets the state that it needs."""
    state = orjson.dumps({"n": 0, "chain": "", "pad": "x" * (9 << 20)})
    records = [record(at, key=b"%d" % at) for at in range(4)]

    with pytest.raises(SplitError):
        process(CORE, lambda _key: state, records)
    assert not process(CORE, lambda _key: state, records[:3]).dead
    assert not process(CORE, lambda _key: state * 1, records[:1]).dead
