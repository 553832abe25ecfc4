"""What is kept with a committed offset."""

from __future__ import annotations

import pytest

from streams.dead_letters import LimitsState
from streams.offsets import Checkpoint


def test_a_checkpoint_comes_back_from_its_metadata() -> None:
    """Nothing is forgotten between two processes."""
    checkpoint = Checkpoint(17, 42, LimitsState(run=3, seen=100, failed=7))

    assert Checkpoint.parse(17, checkpoint.metadata) == checkpoint


@pytest.mark.parametrize("metadata", ["", "set by hand", "[]", "{}"])
def test_an_offset_that_was_set_by_hand_is_taken(metadata: str) -> None:
    """An operator may move a group's offsets with Kafka's own tools."""
    assert Checkpoint.parse(17, metadata) == Checkpoint(17)
