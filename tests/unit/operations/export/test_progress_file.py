"""How far an export has come, between its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from operations.export.agreement import Agreement
from operations.export.errors import ExportError
from operations.export.facts import Place
from operations.export.progress_file import FORMAT, ProgressFile, Reached

if TYPE_CHECKING:
    from pathlib import Path

AGREEMENT = Agreement(
    store="https://lrs.example/xAPI/statements", address="a", homepage="https://lms.example", actors="accounts", key=""
)
PROGRESS = Reached(
    agreement=AGREEMENT,
    generation=2,
    since="2026-01-01 00:00:00.000",
    place=Place("2026-03-02 08:00:00.123456", str(2**127)),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Also by another process later; without a file nothing is known."""
    file = ProgressFile(tmp_path / "below" / "it.json")
    assert file.read() is None

    with file.held():
        file.write(PROGRESS)

    assert ProgressFile(file.path).read() == PROGRESS
    assert file.path.stat().st_mode & 0o077 == 0


def test_one_export_at_a_time(tmp_path: Path) -> None:
    """A second one says so, and can begin when the first has ended."""
    first, second = ProgressFile(tmp_path / "it.json"), ProgressFile(tmp_path / "it.json")
    with first.held(), pytest.raises(ExportError, match="another export"), second.held():
        pass

    with second.held():
        second.write(PROGRESS)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "damaged"), ('{"format": 1}', "damaged"), ("", "damaged"), (None, f"this release reads {FORMAT}")],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    """And what to do; a newer release's is left alone."""
    file = ProgressFile(tmp_path / "it.json")
    if text is None:
        file.write(Reached(agreement=AGREEMENT, format=FORMAT + 1, generation=1, since="", place=PROGRESS.place))
    else:
        file.path.write_text(text)

    with pytest.raises(ExportError, match=said):
        file.read()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the option that names another."""
    (tmp_path / "it").write_text("")
    with pytest.raises(ExportError, match="--state"), ProgressFile(tmp_path / "it" / "it.json").held():
        pass


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"address": "b", "store": "https://other.example/statements"},
            "https://other.example/statements: leave --state",
        ),
        ({"address": "b"}, "another query"),
        (
            {"homepage": "https://other.example"},
            r"another --homepage \(https://lms.example, not https://other.example\)",
        ),
        ({"actors": "pseudonyms", "key": "0"}, r"another --actors \(accounts, not pseudonyms\)"),
        ({"key": "0"}, "another key of pseudonyms"),
    ],
)
def test_the_file_of_another_export_is_refused(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """Both stores are named, or what is given otherwise."""
    file = tmp_path / "it.json"
    AGREEMENT.expect(msgspec.structs.replace(AGREEMENT), file)
    with pytest.raises(ExportError, match=said) as refused:
        AGREEMENT.expect(msgspec.structs.replace(AGREEMENT, **given), file)

    assert AGREEMENT.store in str(refused.value)
    assert str(file) in str(refused.value)
