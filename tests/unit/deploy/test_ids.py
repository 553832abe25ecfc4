"""Ids in options and arguments."""

from __future__ import annotations

import pytest

from tests.support.commands import command

HUGE = "99999999999999999999"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that folds no line of an error."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "lms", "rows.ndjson", "--academy", HUGE],
        ["import", "lms", "rows.ndjson", "--academy", "-1"],
        ["rules", "get", HUGE],
        ["rules", "history", "--academy", HUGE],
        ["stuck", "--academy", HUGE],
        ["token", "create", "--user", HUGE],
        ["token", "create", "--ingest", "--academy", HUGE],
    ],
)
def test_a_number_that_is_no_id_is_refused(arguments: list[str]) -> None:
    """Before anything is written under it, since nobody could read that."""
    result = command(*arguments)

    assert result.code == 2
    assert "is no id: a whole number from 0 to 9223372036854775807." in result.err


@pytest.mark.parametrize("name", ["bad name!", "../x", "..", "x" * 260, ""])
@pytest.mark.parametrize("arguments", [["import", "lms", "f", "--into"], ["raw", "copy"], ["raw", "restore", "d"]])
def test_a_name_that_no_topic_can_have_is_refused(arguments: list[str], name: str) -> None:
    """At once, not after Kafka was waited for."""
    result = command(*arguments, name)

    assert result.code == 2
    assert "a topic's name has letters, digits, dots, hyphens and underscores, at most 100" in result.err
