"""Errors read as ClickHouse's, and values in SQL stay values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.errors import ClickHouseError, http_status
from deploy.local.clickhouse.literals import quote_identifier, quote_string, setting_name


@pytest.mark.parametrize(
    ("code", "status"),
    [(60, 404), (81, 404), (62, 400), (27, 400), (516, 403), (497, 403), (194, 401), (159, 408), (48, 501), (252, 500)],
)
def test_codes_have_their_status(code: int, status: int) -> None:
    """The HTTP status follows from the code; what has none of its own is 500."""
    assert http_status(code) == status


def test_the_engines_text_keeps_its_code() -> None:
    """What the engine raises is answered from its code on."""
    raised = RuntimeError("Streaming query failed: Code: 395. DB::Exception: Value is non-zero. (FUNCTION_THROW_IF)")

    error = ClickHouseError.from_engine(raised)

    assert (error.code, str(error)) == (395, "Code: 395. DB::Exception: Value is non-zero. (FUNCTION_THROW_IF)")


def test_other_errors_have_a_code_too() -> None:
    """Something without a code is an unknown exception with its own text."""
    error = ClickHouseError.from_engine(ValueError("odd"))

    assert (error.code, str(error)) == (1002, "Code: 1002. DB::Exception: odd (UNKNOWN_EXCEPTION)")


@given(st.text())
def test_quoted_texts_have_no_open_end(value: str) -> None:
    """Inside the quotes every quote and backslash is escaped."""
    for quoted, quote in ((quote_string(value), "'"), (quote_identifier(value), "`")):
        inside = quoted[1:-1]
        assert (quoted[0], quoted[-1]) == (quote, quote)
        assert quote not in inside.replace("\\\\", "").replace(f"\\{quote}", "")


@pytest.mark.parametrize("name", ["", "a b", "a=1", "1a", "a-b", "a\n", "é"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """A setting's name cannot carry SQL."""
    with pytest.raises(ClickHouseError, match="Code: 115"):
        setting_name(name)
