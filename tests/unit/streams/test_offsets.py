"""What is kept with a committed offset."""

from __future__ import annotations

import orjson
import pytest
from aiokafka.structs import OffsetAndMetadata

from schemas.wire.formats import NewerFormatError
from streams.limits import Limits, LimitsState, Trial
from streams.offsets import Checkpoint


def test_a_checkpoint_comes_back_from_its_metadata() -> None:
    """Nothing is forgotten between two processes."""
    checkpoint = Checkpoint(17, 42, LimitsState(run=3, run_keys=1, seen=100, failed=7, keys=(2**32 - 1, 5)))

    assert Checkpoint.parse(17, checkpoint.metadata) == checkpoint


def test_the_metadata_of_an_earlier_release_is_read() -> None:
    """It did not say whose records failed."""
    earlier = '{"changelog":42,"run":3,"seen":100,"failed":7}'

    assert Checkpoint.parse(17, earlier) == Checkpoint(17, 42, LimitsState(run=3, seen=100, failed=7))


def test_the_metadata_fits_whatever_fails() -> None:
    """Kafka keeps 4,096 bytes with an offset."""
    tried = [Trial(2**32 - 1 - key, failed=True) for key in range(1_000)]
    state = LimitsState().after(tried, Limits(run=10**6, least=10**6))

    assert len(Checkpoint(2**62, 2**62, state).metadata) < 1_000


@pytest.mark.parametrize("metadata", ["", "set by hand", "[]", "{}", '{"keys": 1}'])
def test_an_offset_that_was_set_by_hand_is_taken(metadata: str) -> None:
    """An operator may move a group's offsets with Kafka's own tools."""
    assert Checkpoint.parse(17, metadata) == Checkpoint(17)


def test_a_partition_without_a_committed_offset_starts_anew() -> None:
    """The coordinator says -1 where nothing was committed."""
    assert Checkpoint.of(OffsetAndMetadata(-1, "")) == Checkpoint()


def test_state_of_a_newer_release_is_refused() -> None:
    """The worker learns it before it has read a record of the state; what says no number is of the first format."""
    assert orjson.loads(Checkpoint(17).metadata)["format"] == 1
    with pytest.raises(NewerFormatError, match=r"the workers' state: written in format 2.*Use release 0\.9\.0"):
        Checkpoint.parse(17, '{"format": 2, "release": "0.9.0", "changelog": "elsewhere"}')
