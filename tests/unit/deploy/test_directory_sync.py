"""`directory sync`, before it asks anybody."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from operations.postgres import EXTRA_MISSING
from tests.support.commands import command
from tests.support.lms_directory import QUERIES

if TYPE_CHECKING:
    from pathlib import Path

DSN = "postgresql://lms:p%40ssword@127.0.0.1:1/lms"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, as a service as well, and nobody is asked."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for more in ((), ("--every", "30s")):
        outcome = command("directory", "sync", "--postgres", DSN, "--query-file", QUERIES, *more)

        assert (outcome.code, outcome.complaint) == (
            1,
            f"error: {EXTRA_MISSING}",
        )


@pytest.mark.parametrize("span", ["0s", "30", "25h", "1d", "s"])
def test_a_span_is_from_a_second_to_a_day(span: str) -> None:
    """Anything else is wrong usage."""
    outcome = command("directory", "sync", "--postgres", DSN, "--query-file", QUERIES, "--every", span)

    assert outcome.code == 2
    assert "30s or 5m" in " ".join(outcome.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"-- users", "the query of users is empty"), (b"\xff", "is not UTF-8"), (b" " * (1 << 20 | 1), "is larger than")],
)
def test_a_file_that_holds_no_queries_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    """With what is wrong with it; so is one that is not there."""
    file = tmp_path / "queries.sql"
    missing = command("directory", "sync", "--postgres", DSN, "--query-file", file)
    file.write_bytes(content)
    outcome = command("directory", "sync", "--postgres", DSN, "--query-file", file)

    assert (missing.code, outcome.code) == (1, 1)
    assert "no such file" in missing.complaint
    assert str(file) in outcome.complaint
    assert reason in outcome.complaint
