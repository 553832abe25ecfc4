"""Directories of `up` that another release has written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from deploy.local.errors import LocalStackError
from deploy.run.written_by import note_writer, require_readable
from schemas.wire.formats import NewerFormatError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "written-by.json"


def rewritten(directory: Path, **values: object) -> None:
    """Let the note say something else."""
    note_writer(directory)
    noted = orjson.loads((directory / FILE).read_bytes())
    (directory / FILE).write_bytes(orjson.dumps(noted | values))


def test_a_directory_of_this_release_or_of_none_is_used(tmp_path: Path) -> None:
    """Also one from before there was such a note, or with one that was cut."""
    require_readable(tmp_path)
    note_writer(tmp_path)
    require_readable(tmp_path)
    for damaged in (b"", b"[]", b'{"format": "x", "kafka": null}'):
        (tmp_path / FILE).write_bytes(damaged)
        require_readable(tmp_path)


def test_a_newer_directory_is_left_alone(tmp_path: Path) -> None:
    """Its files may be in other places."""
    rewritten(tmp_path, format=2, release="0.9.0")

    with pytest.raises(NewerFormatError, match=r"the directory .*: written in format 2.*Use release 0\.9\.0"):
        require_readable(tmp_path)


@pytest.mark.parametrize("server", ["kafka", "chdb"])
def test_newer_servers_data_are_left_alone(tmp_path: Path, server: str) -> None:
    """Neither server promises to read what a later one wrote; a patch more, or an older one, is no hindrance."""
    note_writer(tmp_path)
    own = orjson.loads((tmp_path / FILE).read_bytes())[server]
    major, minor, *_ = own.split(".")
    for harmless in (f"{major}.{minor}.999", f"{int(major) - 1}.99.0", ""):
        rewritten(tmp_path, **{server: harmless})
        require_readable(tmp_path)

    for newer in (f"{major}.{int(minor) + 1}.0", f"{int(major) + 1}.0.0"):
        rewritten(tmp_path, release="0.9.0", **{server: newer})
        with pytest.raises(LocalStackError, match=rf"release 0\.9\.0 with .* {newer}; this release has {own}"):
            require_readable(tmp_path)
