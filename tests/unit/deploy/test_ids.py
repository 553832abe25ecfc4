"""Ids in options and arguments."""

from __future__ import annotations

import pytest

from tests.support.commands import command

HUGE = "99999999999999999999"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that folds no line of an error."""
    monkeypatch.setenv("COLUMNS", "250")
    # It keeps the width of the terminal that it was first imported in, perhaps another test's.
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
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


@pytest.mark.parametrize("name", ["completions", "directory.tasks", "facts.g3", "generations", "worker.g1-changelog"])
@pytest.mark.parametrize("arguments", [["import", "lms", "f", "--into"], ["raw", "copy"], ["raw", "restore", "d"]])
def test_the_name_of_a_topic_for_something_else_is_refused(arguments: list[str], name: str) -> None:
    """Webhooks in it would be told to the LMS or taken for the directory, also where it is empty now."""
    result = command(*arguments, name)

    assert result.code == 2
    assert f"'{name}': the topic of this name is for something else than webhooks: name another one, as " in result.err


def test_what_belongs_to_another_option_is_not_passed_over() -> None:
    """`--remove-any` says nothing without `--replace`: whoever gives it alone expects that something is removed."""
    result = command("directory", "load", "f", "--remove-any")

    assert result.code == 2
    assert "--remove-any goes with --replace" in result.err
