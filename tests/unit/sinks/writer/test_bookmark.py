"""Committed offsets and their metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.formats import NewerFormatError
from sinks.errors import SinkError
from sinks.writer.bookmark import Bookmark, Name

OFFSETS = st.integers(0, 2**50)
NAMES = st.builds(Name, st.integers(0, 2**48 - 1), OFFSETS)


@given(bookmark=st.builds(Bookmark, st.just("fDJ3gRSdQ1-CDJ_hxDzd8g"), OFFSETS, st.none() | NAMES))
def test_what_is_committed_is_read_back(bookmark: Bookmark) -> None:
    """A bookmark survives Kafka's metadata text, whatever its name, also where it has moved over a gap since."""
    assert bookmark == Bookmark.read(bookmark.topic_id, bookmark.offset, bookmark.metadata())


@pytest.mark.parametrize("range_", ["", ";12;", ";12;0:4,1:0"])
def test_what_an_earlier_version_was_storing_is_stored_again(range_: str) -> None:
    """The range of a block that an earlier sink had recorded, with lines left out or without, is no name."""
    assert Bookmark("topic", 7) == Bookmark.read("topic", 7, f"1;topic{range_}")


@given(offset=OFFSETS, name=NAMES)
def test_an_earlier_version_finds_nothing_to_do_first(offset: int, name: Name) -> None:
    """Going back to it is safe: it reads a range, numbers as always, that ends where it begins."""
    version, topic_id, end, excluded = Bookmark("topic", offset, name).metadata().split(";")

    assert (version, topic_id, int(end)) == ("1", "topic", offset)
    assert [int(number) for number in excluded.split(":")] == [name.offset - offset, name.run]


@pytest.mark.parametrize(("offset", "metadata"), [(-1, ""), (7, "1;another-topic"), (7, "1;another-topic;7;0:4")])
def test_another_topics_bookmark_is_none(offset: int, metadata: str) -> None:
    """Nothing committed, and what was committed for an earlier topic of that name, are no bookmark."""
    assert Bookmark.read("topic", offset, metadata) is None


def test_an_operators_offset_has_no_name() -> None:
    """An offset that Kafka's own tools committed, without metadata, is taken as it is."""
    assert Bookmark("topic", 7) == Bookmark.read("topic", 7, "")


def test_metadata_of_a_newer_release_is_refused() -> None:
    """A sink does not guess at what a newer one meant."""
    with pytest.raises(NewerFormatError, match=r"offsets that sinks have committed: written in format 2"):
        Bookmark.read("topic", 7, "2;topic;9;")


def test_metadata_of_nobody_is_refused() -> None:
    """What another program has left with the offset says nothing of the blocks that were under way."""
    with pytest.raises(SinkError, match="commit the offset anew"):
        Bookmark.read("topic", 7, "set by a script")
