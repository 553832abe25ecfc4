"""Which asset the candidate ids of a webhook mean (docs/semantics.md, "Tutorials")."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.resolve import candidate_ids, logged_asset_id, resolve_id, resolver
from tests.support.directory import SCHOOL


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({}, []),
        ({"asset_id": 1, "asset_ids": 2}, [1]),
        ({"asset_id": None, "asset_ids": [2, 3]}, [2, 3]),
        ({"asset_id": "", "asset_ids": [2]}, []),
        ({"asset_id": " 2 , x, 1 "}, [2, 1]),
        ({"asset_id": [2, "1,3"]}, [2, 1, 3]),
        ({"asset_id": True, "asset_ids": 2}, []),
        ({"asset_ids": 1, "payload": {"package": {"asset_id": 2}}}, [1]),
        ({"payload": {"package": {"asset_id": 2, "asset_ids": 3}}, "package": {"asset_id": 4}}, [2]),
        ({"payload": {"package": {"asset_ids": "3"}}, "package": {"asset_id": 4}}, [3]),
        ({"payload": {"package": {}}, "package": {"asset_id": 4}}, [4]),
        ({"payload": "x", "package": {"asset_ids": [4]}}, [4]),
        ({"payload": {"package": 3}, "package": 4}, []),
        ({"payload": {"asset_id": 1}}, []),
    ],
)
def test_candidates_come_from_the_first_place_that_is_not_null(payload: dict[str, Any], ids: list[int]) -> None:
    """The root is asked first, then `payload.package`, then `package`; lists are joined everywhere."""
    assert candidate_ids(payload) == ids


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [([], None), ([1, 2], None), ([3], 3), ([3, 5], 5), ([3, 7, 5, 8], 5), ([9, 7, 3], 3), ([1, 9], 9), ([8, 3], 8)],
)
def test_of_existing_candidates_english_comes_first_then_the_lowest(candidates: list[int], chosen: int | None) -> None:
    """In a strict directory unknown candidates do not exist; `us` and `en` in any case are English."""
    assert resolve_id(candidates, SCHOOL, strict=True) == chosen


@pytest.mark.parametrize(
    ("candidates", "chosen"), [([], None), ([2, 1], 1), ([1, 5], 5), ([1, 3], 1), ([9, 3], 3), ([8, 5, 1], 5)]
)
def test_in_an_open_directory_every_candidate_exists(candidates: list[int], chosen: int | None) -> None:
    """English is known of known assets only; without one the lowest candidate is taken, known or not."""
    assert resolve_id(candidates, SCHOOL, strict=False) == chosen


def test_rules_compare_the_root_asset_id_only() -> None:
    """The resolver of ignore rules takes the value of the root `asset_id`."""
    assert resolver(SCHOOL, strict=True)("3,5") == 5
    assert resolver(SCHOOL, strict=True)("1") is None
    assert resolver(SCHOOL, strict=False)("1") == 1
    assert resolver(SCHOOL, strict=True)(None) is None


def test_the_log_names_what_the_candidates_mean() -> None:
    """The log's asset_id comes from candidate ids in any place, never from a slug, and is null where none exists."""
    assert logged_asset_id({"package": {"asset_id": "3,5"}, "slug": "maps"}, SCHOOL, strict=True) == 5
    assert logged_asset_id({"slug": "maps", "package_id": 80}, SCHOOL, strict=True) is None
    assert logged_asset_id({"asset_id": 1}, SCHOOL, strict=True) is None
    assert logged_asset_id({"asset_id": 1}, SCHOOL, strict=False) == 1


@given(st.lists(st.integers(1, 12)), st.booleans())
def test_the_order_of_candidates_does_not_matter(candidates: list[int], strict: bool) -> None:  # noqa: FBT001 - drawn
    """The same candidates in any order, and repeated, mean the same asset."""
    chosen = resolve_id(candidates, SCHOOL, strict=strict)

    assert resolve_id(sorted(candidates * 2, reverse=True), SCHOOL, strict=strict) == chosen
    assert chosen is None or chosen in candidates
