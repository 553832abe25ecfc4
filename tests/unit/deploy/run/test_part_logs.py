"""The files of what parts write."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.run.listening import Kind, Notice
from deploy.run.part_logs import PartLogs, log_file


def test_every_part_has_a_file(tmp_path: Path) -> None:
    """With its lines as they are, in order; what the supervisor says is in one of its own and in that of the part."""
    logs = PartLogs(tmp_path / "logs")
    for part, line in (("sink", "first %s {x}"), ("gateway", "other"), ("sink", "second \udcff")):
        logs.wrote(part, line)
    logs.told(Notice(Kind.READY, "sink", "sink is ready"))
    logs.close()

    texts = {path.stem: path.read_text() for path in (tmp_path / "logs").iterdir()}
    first, second, last = texts["sink"].splitlines()
    assert (first, second) == ("first %s {x}", "second ?")
    assert last.endswith("Z [supervisor] sink is ready")
    assert texts["gateway"] == "other\n"
    assert texts["supervisor"].endswith("Z sink is ready\n")


def test_a_second_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """Nothing of the run before is lost: it may say why that has ended."""
    for line in ("first", "second"):
        logs = PartLogs(tmp_path)
        logs.wrote("sink", line)
        logs.close()

    assert log_file(tmp_path, "sink").read_text() == "first\nsecond\n"


def test_files_are_bounded_in_bytes_and_number(tmp_path: Path) -> None:
    """However much is written; the newest lines are there."""
    logs = PartLogs(tmp_path, most_bytes=1000, older=2)
    for number in range(500):
        logs.wrote("sink", f"line {number:04}")
    logs.close()

    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["sink.log", "sink.log.1", "sink.log.2"]
    assert max(path.stat().st_size for path in files) <= 1000
    assert log_file(tmp_path, "sink").read_text().endswith("line 0499\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_no_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be written is left out, without a word on the terminal, and others' files are written."""
    log_file(tmp_path, "sink").symlink_to("/dev/full")
    logs = PartLogs(tmp_path)
    logs.wrote("sink", "lost")
    logs.wrote("gateway", "kept")
    logs.close()

    assert log_file(tmp_path, "gateway").read_text() == "kept\n"
    assert capfd.readouterr() == ("", "")
