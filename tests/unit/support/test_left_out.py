"""What becomes of tests that are left out for want of something."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

@pytest.mark.skipif(True, reason="no browser")
def test_with_a_browser(): ...

def test_with_a_package():
    pytest.skip("no package")

@pytest.mark.xfail
def test_of_what_is_known():
    raise AssertionError
"""


@pytest.mark.parametrize(("ci", "summary"), [("true", "1 failed, 1 xfailed, 1 error"), ("", "2 skipped, 1 xfailed")])
def test_under_ci_it_is_a_failure(tmp_path: Path, ci: str, summary: str) -> None:
    """Where CI is set the reason is that of a failure; elsewhere the test is skipped."""
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-rsfE",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False)

    assert summary in done.stdout.splitlines()[-1]
    assert "no browser" in done.stdout
    assert "no package" in done.stdout
