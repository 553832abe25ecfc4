"""Committed offsets and their metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.writer.bookmark import Bookmark, Intent

OFFSETS = st.integers(0, 2**50)


@st.composite
def bookmarks(draw: st.DrawFn) -> Bookmark:
    """Any bookmark that a sink may commit."""
    offset = draw(OFFSETS)
    intent = None
    if draw(st.booleans()):
        end = offset + draw(st.integers(1, 10_000))
        lines = st.tuples(st.integers(offset, end - 1), st.integers(0, 10_000))
        intent = Intent(end, tuple(sorted(draw(st.sets(lines, max_size=300)))))
    return Bookmark("fDJ3gRSdQ1-CDJ_hxDzd8g", offset, intent)


@given(bookmark=bookmarks())
def test_what_is_committed_is_read_back(bookmark: Bookmark) -> None:
    """A bookmark survives Kafka's metadata text, whatever its intent."""
    assert bookmark == Bookmark.read(bookmark.topic_id, bookmark.offset, bookmark.metadata())


def test_most_excluded_lines_fit_into_the_metadata() -> None:
    """The longest list of lines that a sink excludes stays below the 4,096 bytes that Kafka takes."""
    lines = tuple((2**40 + 99_000 + number, 99_999) for number in range(300))
    bookmark = Bookmark("x" * 22, 2**40, Intent(2**40 + 200_000, lines))

    assert len(bookmark.metadata()) < 4096


@pytest.mark.parametrize(("offset", "metadata"), [(-1, ""), (7, "1;another-topic"), (7, "1;another-topic;9;")])
def test_another_topics_bookmark_is_none(offset: int, metadata: str) -> None:
    """Nothing committed, and what was committed for an earlier topic of that name, are no bookmark."""
    assert Bookmark.read("topic", offset, metadata) is None


def test_an_operators_offset_has_no_intent() -> None:
    """An offset that Kafka's own tools committed, without metadata, is taken as it is."""
    assert Bookmark("topic", 7) == Bookmark.read("topic", 7, "")


def test_metadata_of_another_version_is_refused() -> None:
    """A sink does not guess at what a newer one meant."""
    with pytest.raises(ValueError, match="another version"):
        Bookmark.read("topic", 7, "2;topic;9;")
