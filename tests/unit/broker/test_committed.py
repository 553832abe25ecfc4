"""What a group has committed, where the broker's answer lacks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError, GroupLoadInProgressError
from aiokafka.structs import OffsetAndMetadata

from broker.committed import _complete, _may_pass

ROOT = Path(__file__).parents[3]

ONE, OTHER = TopicPartition("raw", 0), TopicPartition("raw", 1)
AT = OffsetAndMetadata(7, "")


def test_no_answer_is_not_taken_for_nothing_committed() -> None:
    """A coordinator that is loading answers for no partition: to begin at 0 would process everything twice."""
    with pytest.raises(CoordinatorNotAvailableError, match=r"group g does not answer for raw\[0\]"):
        _complete({OTHER: AT}, "g", [ONE, OTHER])

    assert _complete({ONE: AT, OTHER: AT}, "g", [ONE, OTHER]) == {ONE: AT, OTHER: AT}


def test_nobody_waits_around_the_guard() -> None:
    """One place repeats the question: a second retry around it would wait for a coordinator twice over."""
    sources = [path for folder in ("streams", "operations") for path in (ROOT / folder).rglob("*.py")]

    assert len(sources) > 100
    assert [path.name for path in sources if "tenacity" in path.read_text()] == []


def test_only_what_passes_is_waited_for() -> None:
    """Whoever may not read a group will not a second later."""
    assert _may_pass(CoordinatorNotAvailableError())
    assert _may_pass(GroupLoadInProgressError())
    assert not _may_pass(GroupAuthorizationFailedError("g"))
    assert not _may_pass(ValueError())
