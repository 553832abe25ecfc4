"""Statements with data are taken apart where ClickHouse takes them apart."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.statement import (
    changes_database,
    changes_session,
    is_select,
    output_format,
    split_insert,
)

HEADS = [
    b"INSERT INTO t",
    b'insert into db.t (a, `b c`, "values")',
    b"/* FORMAT CSV */ INSERT -- FORMAT TSV\nINTO TABLE `FORMAT x` (format, values) SETTINGS async_insert = 0",
    b"INSERT INTO FUNCTION file('FORMAT CSV', 'x') ",
    b"INSERT INTO {t:Identifier} (a)",
    b"INSERT INTO format",
]


@pytest.mark.parametrize("head", HEADS)
@given(data=st.binary())
def test_data_behind_a_format_are_kept_to_the_byte(head: bytes, data: bytes) -> None:
    """Whatever the bytes behind `FORMAT Native` and a newline are, they are the data."""
    insert = split_insert(head + b" FORMAT Native\n" + data)

    assert insert is not None
    assert (insert.head + insert.settings, insert.format, bytes(insert.data)) == (head.decode().strip(), "Native", data)


@pytest.mark.parametrize("head", HEADS)
@given(data=st.binary())
def test_data_behind_values_are_kept_to_the_byte(head: bytes, data: bytes) -> None:
    """Whatever stands behind VALUES and a parenthesis is the data."""
    insert = split_insert(head + b" VALUES(" + data)

    assert insert is not None
    assert (insert.head + insert.settings, insert.format, bytes(insert.data)) == (
        head.decode().strip(),
        "Values",
        b"(" + data,
    )


@pytest.mark.parametrize(
    ("between", "data"),
    [
        (b"\n", b"\n1"),
        (b"\r\n", b"1"),
        (b" ", b"{}"),
        (b" \t\n", b" 1"),
        (b";\n", b"1"),
        (b" ; \n", b"1"),
        (b"", b""),
    ],
)
def test_one_line_end_belongs_to_the_statement(between: bytes, data: bytes) -> None:
    """Blanks, a semicolon and the first line end after the format's name are not data."""
    insert = split_insert(b"INSERT INTO t FORMAT CSV" + between + data)

    assert insert is not None
    assert bytes(insert.data) == data


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1 FORMAT JSON",
        b"INSERT INTO t SELECT 1 FORMAT JSON",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t (a) SELECT a FROM u",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"EXPLAIN INSERT INTO t VALUES (1)",
        b"(SELECT 1)",
        b"",
        b"INSERT",
        b"\xff\xfe",
    ],
)
def test_other_statements_carry_no_data(statement: bytes) -> None:
    """What is no INSERT with data is left alone."""
    assert split_insert(statement) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(statement: bytes) -> None:
    """No input breaks the scanner, not even an INSERT of nonsense."""
    for candidate in (statement, b"INSERT INTO " + statement):
        with contextlib.suppress(ClickHouseError):
            split_insert(candidate)


def test_a_head_that_is_no_text_is_refused() -> None:
    """A statement must be UTF-8, its data need not be."""
    with pytest.raises(ClickHouseError, match="not UTF-8"):
        split_insert(b"INSERT INTO `\xff` FORMAT CSV 1")


def test_inserting_through_input_is_refused() -> None:
    """The engine would cut such data at an empty line."""
    with pytest.raises(ClickHouseError, match="Code: 48"):
        split_insert(b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV\n1")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1\nformat  Native\n;", "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT format FROM t", None),
        (b"SELECT 1", None),
    ],
)
def test_the_format_at_the_end_is_found(statement: bytes, named: str | None) -> None:
    """The FORMAT clause of a query is known for the response's headers."""
    assert output_format(statement) == named


def test_selects_and_what_changes_a_session_are_told_by_their_first_words() -> None:
    """Comments and case do not matter."""
    assert is_select(b"-- x\nselect 1")
    assert is_select(b"WITH 1 AS a SELECT a")
    assert not is_select(b"SHOW TABLES")
    assert changes_session(b"set a = 1")
    assert changes_session(b"/**/ USE x")
    assert changes_session(b"CREATE TEMPORARY TABLE x (a Int8)")
    assert changes_session(b"CREATE OR REPLACE TEMPORARY TABLE x (a Int8)")
    assert not changes_session(b"CREATE TABLE temporary (a Int8)")
    assert not changes_session(b"SELECT 1")
    assert changes_database(b"USE x")
    assert not changes_database(b"SET use = 1")
