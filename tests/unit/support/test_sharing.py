"""How a run is shared between processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sharing import APART, FIRST, TOGETHER, number_of_processes

TESTS = Path(__file__).parents[2]
NAMED = (*FIRST, *APART, *TOGETHER)


@pytest.mark.parametrize("whole", ["", "unit", "system", "contract", "chaos"])
def test_a_whole_directory_is_shared(whole: str) -> None:
    """Several processes run `tests` or a directory in it, alone or beside files."""
    assert number_of_processes([str(TESTS / whole)]) > 1
    assert number_of_processes([str(TESTS / "unit" / "support"), str(TESTS / whole)]) > 1


@pytest.mark.parametrize("part", ["unit/support", "system/test_cli.py", "system/test_cli.py::test_version"])
def test_less_is_not_shared(part: str) -> None:
    """One process runs what is soon done, so that it starts at once and takes a debugger."""
    assert number_of_processes([str(TESTS / part)]) == 0


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name: str) -> None:
    """A module that has another name by now would neither begin first nor stay with those that share its system."""
    assert [path for path in TESTS.rglob("*") if path.relative_to(TESTS.parent).as_posix().startswith(name)]
