"""What lists have in common."""

from __future__ import annotations

import csv
import io
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from gateway.console import queries
from gateway.console.lists import as_csv, filled, listed
from tests.support.blocks import PAGES


def asked(query: str) -> Request:
    """A request for a list."""
    return Request(
        {"type": "http", "method": "GET", "path": "/console/list", "query_string": query.encode(), "headers": []}
    )


def test_no_cell_is_a_formula() -> None:
    """What a student wrote is text for a spreadsheet, too."""
    response = as_csv("list", ("a", "b"), [("=1+1", 5), ('@SUM(A1)"', None), ("plain", -3)])
    rows = list(csv.reader(io.StringIO(bytes(response.body).decode("utf-8-sig"))))

    assert rows == [["a", "b"], ["'=1+1", "5"], ["'@SUM(A1)\"", ""], ["plain", "-3"]]


# What a spreadsheet may take for the end of a cell, and for the beginning of a formula.
DELIMITERS: Final = (",", ";", "\t", "|")
FORMULAS: Final = ("=", "+", "-", "@")
TEXTS: Final = st.text("=+-@;,|\t\r\n\"' aé1", max_size=12)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
@pytest.mark.parametrize("delimiter", DELIMITERS)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_no_cell_is_a_formula_wherever_it_is_opened(texts: list[str], delimiter: str, quoting: Literal[0, 3]) -> None:
    """Spreadsheets of other languages part cells by other signs, within a text as well."""
    text = bytes(as_csv("list", ("a",), [texts]).body).decode("utf-8-sig")
    found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)

    assert not [cell for row in found for cell in row if cell.lstrip(' "\t\r\n').startswith(FORMULAS)]


def test_pages_keep_the_filters() -> None:
    """There and back."""
    request = asked("asset=a%26b&cohort=&limit=2&offset=2&other=1")
    page = listed(request, filled(request, ("asset", "cohort")))

    assert page.part("abcde") == "cd"
    assert page.before() == "/console/list?asset=a%26b&limit=2"
    assert page.after(2, 5) == "/console/list?asset=a%26b&limit=2&offset=4"
    assert page.after(2, 4) is None
    assert page.export == "/console/list.csv?asset=a%26b"


def test_the_queries_are_those_of_the_pages() -> None:
    """What a reader copies from the console is what docs explain and tests run."""
    text = "\n".join(page.read_text() for page in PAGES)

    known = [getattr(queries, name) for name in queries.__all__ if name.isupper()]

    assert len(known) > 8
    assert [query for query in known if f"```sql\n{query}```" not in text] == []
