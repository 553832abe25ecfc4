"""Spools that another release has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.durable.spool_files import SpoolFiles
from schemas.wire.formats import NewerFormatError

if TYPE_CHECKING:
    from pathlib import Path


def opened(directory: Path) -> SpoolFiles:
    """The spool of a new process."""
    files = SpoolFiles(directory)
    files.open()
    return files


def waiting(directory: Path) -> list[bytes]:
    """What the oldest segment of a spool holds."""
    files = opened(directory)
    segment = files.oldest()
    files.close()
    return [] if segment is None else segment.payloads


def test_segments_of_a_newer_release_are_left_alone(tmp_path: Path) -> None:
    """Their records would be put aside as damaged; with nothing waiting the directory is this release's again."""
    files = opened(tmp_path)
    files.append([b"webhook"])
    files.close()
    (tmp_path / "format").write_text("2 0.9.0\n")
    (segment,) = tmp_path.glob("*.segment")
    held = segment.read_bytes()

    refused = SpoolFiles(tmp_path)
    with pytest.raises(NewerFormatError, match=r"the spool .*: written in format 2.*Use release 0\.9\.0"):
        refused.open()
    refused.close()
    assert segment.read_bytes() == held
    segment.unlink()
    files = opened(tmp_path)
    files.append([b"another"])
    files.close()
    assert (tmp_path / "format").read_text() == "1\n"
    assert waiting(tmp_path) == [b"another"]


def test_segments_from_before_formats_had_numbers_are_read(tmp_path: Path) -> None:
    """They are of the first format."""
    files = opened(tmp_path)
    files.append([b"webhook"])
    files.close()
    (tmp_path / "format").unlink()

    assert waiting(tmp_path) == [b"webhook"]
