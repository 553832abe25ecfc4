"""Numbers with their nouns, and files that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.wording import counted, unreadable
from tests.support.commands import command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "style", "text"),
    [
        (0, "", "0 students"),
        (1, "", "1 student"),
        (2, "", "2 students"),
        (1234, "", "1234 students"),
        (1234, ",", "1,234 students"),
    ],
)
def test_one_is_not_many(number: int, style: str, text: str) -> None:
    """Only one is one; groups of digits are told apart where people alone read."""
    assert counted(number, "student", style) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing.json", "there is no such file. Correct its name."),
        (".", "it is a directory. Name the files in it."),
        ("closed", "that is not allowed to this user. Change its permissions."),
        ("file/below", "Not a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_once(name: str, text: str, tmp_path: Path) -> None:
    """With what is wrong, and no number of the system's."""
    (tmp_path / "file").touch()
    error: OSError = PermissionError(13, "Permission denied", name)
    if name != "closed":
        with pytest.raises(OSError, match="Errno") as caught:
            (tmp_path / name).read_bytes()
        error = caught.value

    assert unreadable(name, error) == f"{name} cannot be read: {text}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "nofile", "--token", "t"),
        ("directory", "load", "nofile"),
        ("rules", "put", "1", "nofile"),
        ("rules", "test", "1", "nofile"),
        ("rules", "test", "1", "--since", "7d", "--draft", "nofile"),
    ],
)
def test_every_command_says_so_of_a_file_that_is_not_there(arguments: tuple[str, ...]) -> None:
    """In one line, before it asks for anything else."""
    outcome = command(*arguments)

    assert outcome.code == 1
    assert outcome.complaint == "error: nofile cannot be read: there is no such file. Correct its name."
