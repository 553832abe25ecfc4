"""What becomes of tests that are left out for want of something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import pytest_runtest_makereport

WHERE = ("tests/test_x.py", 3, "Skipped: no browser")


def reported(outcome: Any, longrepr: Any = None, **more: Any) -> pytest.TestReport:
    """What becomes of a report."""
    report = pytest.TestReport("tests/test_x.py::test_x", WHERE, {}, outcome, longrepr, "setup", **more)
    hook = pytest_runtest_makereport()
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(report)
    result: pytest.TestReport = ended.value.value
    return result


def test_under_ci_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CI is set a test that is skipped has failed, and says for want of what."""
    monkeypatch.setenv("CI", "true")
    report = reported("skipped", WHERE)

    assert report.failed
    assert "no browser" in str(report.longrepr)


def test_a_known_failure_is_none_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected to fail, and does, is told as before."""
    monkeypatch.setenv("CI", "true")

    assert reported("skipped", WHERE, wasxfail="known").skipped


def test_elsewhere_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not everybody has a browser."""
    monkeypatch.delenv("CI", raising=False)

    assert reported("skipped", WHERE).skipped
