"""Files of queries."""

from __future__ import annotations

import pytest

from operations.directory_sync.queries import QueryFileError, parse_queries

FILE = """
-- Of our LMS; nothing of this belongs to a query.

-- tasks
SELECT id, user_id FROM tasks; -- all of them

--users
SELECT id, first_name  -- a comment; with a semicolon
FROM users
WHERE email LIKE '%@%'
"""


def test_each_kind_has_its_query() -> None:
    """In the order in which they are written, without the end of a statement."""
    queries = parse_queries(FILE)

    assert list(queries) == ["users", "tasks"]
    assert queries["tasks"] == "SELECT id, user_id FROM tasks -- all of them\n"
    assert queries["users"].startswith("SELECT id, first_name  -- a comment; with a semicolon\nFROM users\n")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, replace(a, ';', ',') FROM u",
        'SELECT id, ";" FROM u',
        "SELECT id, 'it''s; so', $x$a; 'b$x$ FROM u /* one; two */",
        "-- all; " + "-" * 5_000 + "\nSELECT id FROM u -- " + " --" * 2_000 + "; x",
    ],
)
def test_only_the_end_of_a_statement_ends_it(query: str) -> None:
    """No text, no name in quotes and no comment, however long."""
    assert parse_queries(f"-- users\n{query}")["users"] == f"{query}\n"
    assert parse_queries(f"-- users\n{query}\n;\n; -- done;")["users"] == f"{query}\n\n -- done;\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no query: write one below a line `-- KIND`, of assets, users, tasks, academies, tokens."),
        ("-- user\nSELECT 1", "line 2: it belongs to no kind; write `-- users` or another kind on a line before it."),
        ("-- users\n-- nothing\n", "the query of users is empty; write a SELECT below `-- users`."),
        (
            "-- users\nSELECT 1\n-- tasks\nSELECT 2\n-- users\nSELECT 3",
            "line 5: there is a query of users already; leave one of them out.",
        ),
        (
            "-- users\nSELECT 1;\n-- task\nSELECT 2;",
            "the query of users has several statements; give one SELECT, and each kind a line `-- KIND`.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, reason: str) -> None:
    """With the line, or the kind, and what to do."""
    with pytest.raises(QueryFileError) as caught:
        parse_queries(text)

    assert str(caught.value) == reason
