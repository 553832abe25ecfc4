"""Where restoring a partition's state begins."""

from __future__ import annotations

import pytest

from streams.restore import Changelog, StateLostError, start_of_restore

NOW = 1_000_000.0
LOG = Changelog("changelog", 2, begin=0, end=100)


def test_an_empty_store_reads_the_whole_changelog() -> None:
    """Nothing is there yet."""
    assert start_of_restore(LOG, None, None, NOW) is None


def test_a_store_goes_on_where_it_ended() -> None:
    """Only what was written since is read."""
    assert start_of_restore(LOG, (59, NOW - 60), 58, NOW) == 60


def test_an_old_store_is_wiped() -> None:
    """Compaction may have dropped tombstones that it has not seen."""
    assert start_of_restore(LOG, (59, NOW - 86_400), 58, NOW) is None


def test_a_store_ahead_of_its_changelog_is_wiped() -> None:
    """It belongs to another changelog."""
    assert start_of_restore(LOG, (100, NOW), None, NOW) is None


def test_a_changelog_that_lost_its_end_stops_the_worker() -> None:
    """State is never served half: an offset that was there is gone."""
    with pytest.raises(StateLostError, match=r"changelog partition 2 ends at 100 but held offset 100 before.*replay"):
        start_of_restore(LOG, (59, NOW), 100, NOW)


def test_a_changelog_that_lost_its_beginning_stops_the_worker() -> None:
    """Records that the store does not have were deleted."""
    log = Changelog("changelog", 2, begin=70, end=100)
    with pytest.raises(StateLostError, match="begins at 70"):
        start_of_restore(log, (59, NOW), 58, NOW)
    with pytest.raises(StateLostError, match="begins at 70"):
        start_of_restore(log, None, None, NOW)


def test_a_deleted_beginning_that_the_store_has_does_not_matter() -> None:
    """The store holds what was deleted."""
    assert start_of_restore(Changelog("changelog", 2, begin=60, end=100), (59, NOW), 58, NOW) == 60
