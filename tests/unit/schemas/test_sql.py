"""Texts of SQL: no value ends the text that it stands in."""

from __future__ import annotations

from schemas.sql import column_definition, literal
from schemas.wire.rows import Column


def test_a_value_stays_a_value() -> None:
    """Quotes and backslashes stay inside the literal, and numbers have no quotes."""
    assert literal("a'b\\") == "'a\\'b\\\\'"
    assert literal(7) == "7"


def test_a_columns_comment_is_quoted() -> None:
    """Quotes and backslashes of a comment stay inside it."""
    column = Column("a", "String", "it's a \\ mark", default="now()", codec="ZSTD(1)")

    assert column_definition(column) == "`a` String DEFAULT now() COMMENT 'it\\'s a \\\\ mark' CODEC(ZSTD(1))"
