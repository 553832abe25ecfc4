"""Ids and slugs out of whatever JSON holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from schemas.coercion import as_id, as_integer, as_integers, as_slug, as_text, digits_as_id
from tests.support.strategies import json_values


@pytest.mark.parametrize(("value", "number"), [(0, 0), (12, 12), ("12", 12), (" 12 ", 12), ("٣", 3)])
def test_an_id_is_a_non_negative_integer_or_digits(value: Any, number: int) -> None:
    """Integers and strings of digits, trimmed, are ids."""
    assert as_id(value) == number


@pytest.mark.parametrize("value", [True, False, None, -1, "-1", 1.0, "1.0", "1_000", "²", "", " ", [1], {}, 1 << 63])
def test_anything_else_is_no_id(value: Any) -> None:
    """Booleans, signs, fractions and digits that int() does not take are no ids."""
    assert as_id(value) is None


@pytest.mark.parametrize(
    ("value", "number"), [(7, 7), ("7", 7), (" 12 ", 12), ("1_000", 1000), (12.7, 12), ("-5", -5), ("+3", 3), (True, 1)]
)
def test_a_package_id_is_read_as_int_does(value: Any, number: int) -> None:
    """Package ids follow Python's int(), as the LMS's do."""
    assert as_integer(value) == number


@pytest.mark.parametrize("value", [None, "12.7", "x", "", "²", [], {}, float("inf"), float("nan"), 1 << 63, "9" * 5000])
def test_what_int_does_not_take_is_no_package_id(value: Any) -> None:
    """What int() refuses, and what no 64-bit column holds, is null."""
    assert as_integer(value) is None


@pytest.mark.parametrize(
    ("value", "text"), [(" a ", "a"), (12, "12"), (True, "True"), (["a"], "['a']"), (None, ""), ("  ", "")]
)
def test_a_rule_compares_trimmed_text(value: Any, text: str) -> None:
    """Slugs and events are compared as str() gives them, trimmed."""
    assert as_text(value) == text


def test_a_looked_up_slug_is_not_trimmed() -> None:
    """A slug is looked up as it was sent; blanks are none."""
    assert (as_slug(" a "), as_slug(12), as_slug("  "), as_slug(None)) == (" a ", "12", "", "")


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (5, [5]),
        ("3,1", [3, 1]),
        (" 3 , x,, 1.5, 1 ", [3, 1]),
        ([3, "1", "4,5"], [3, 1, 4, 5]),
        ([True, None, 2], [2]),
        ([[1, 2, 3]], [2]),
        (True, []),
        (None, []),
        ("", []),
        ("ASSET_ID", []),
        (2.0, []),
        (-1, []),
        ("-1,2", [2]),
        (1 << 63, []),
    ],
)
def test_asset_ids_come_from_numbers_text_and_lists(value: Any, numbers: list[int]) -> None:
    """Lists are joined with commas, then split; what is no integer is skipped, and booleans are ignored."""
    assert as_integers(value) == numbers


@given(json_values())
def test_nothing_raises(value: Any) -> None:
    """Any JSON value can be read in every way, and ids fit 64 bits."""
    numbers = [as_id(value), as_integer(value), *as_integers(value)]

    assert all(number is None or -(1 << 63) <= number < 1 << 63 for number in numbers)
    assert as_text(value) == as_text(value).strip()
    assert not as_slug(value) or as_slug(value) == str(value)


def test_a_list_nested_too_deeply_has_no_text() -> None:
    """What str() cannot write is empty text."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    assert as_text(value) == as_slug(value) == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        (b"12", 12),
        (str((1 << 63) - 1), (1 << 63) - 1),
        (str(1 << 63), None),
        ("0" * 20, None),
        (" 1", None),
        ("-1", None),
        ("1.0", None),
        ("²", None),
        ("\u0663", None),
        (b"\xb2", None),
        ("", None),
        (None, None),
    ],
)
def test_an_id_in_an_address_is_ascii_digits_that_fit(text: str | bytes | None, number: int | None) -> None:
    """Keys, addresses and headers are read alike, up to the largest 64-bit id."""
    assert digits_as_id(text) == number
