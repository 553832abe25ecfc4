"""Files that only their owner reads."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
from typing import TYPE_CHECKING

import pytest

from deploy.local.clickhouse.access import CONFIG, write_access
from operations.restart_record import RestartRecord, record_file
from operations.secret_files import write_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    """By default, whoever can reach a file may read it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file takes more bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """Also where everybody could before."""
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("for all")
    old.chmod(0o644)

    write_secret(new, "one\n")
    write_secret(old, b"two\n")

    assert [mode(new), mode(old)] == [0o600, 0o600]
    assert [new.read_text(), old.read_text()] == ["one\n", "two\n"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """As a whole, with nothing beside it, and whoever writes hears of it."""
    path = tmp_path / "env"
    write_secret(path, "token=1\n")

    with files_up_to(4), pytest.raises(OSError, match="File too large"):
        write_secret(path, "token=2, which is longer\n")

    assert path.read_text() == "token=1\n"
    assert list(tmp_path.iterdir()) == [path]
    write_secret(path, "token=2\n")
    assert path.read_text() == "token=2\n"


def test_what_a_system_keeps_is_its_owners(tmp_path: Path) -> None:
    """Whoever made the directory: the local ClickHouse's access rules, and the last lines of parts."""
    tmp_path.chmod(0o755)
    write_access(tmp_path, [], {}, [], 0)
    RestartRecord(record_file(tmp_path)).starting("worker-1", 1)

    kept = [tmp_path / CONFIG, (tmp_path / CONFIG).with_name("users.xml"), record_file(tmp_path)]
    assert [mode(path) for path in kept] == [0o600] * 3
