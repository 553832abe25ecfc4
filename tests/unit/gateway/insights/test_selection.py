"""Which dead letters a body asks for."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.insights.selection import selected


def test_ids_are_whole_numbers_however_they_are_written() -> None:
    """JSON has one kind of number, so the document's `integer` has 7.0 in it."""
    filters, preview = selected({"ids": [7.0, 8]})

    assert (filters.ids, preview) == ((7, 8), True)


@pytest.mark.parametrize("ids", [[7.5], [-1], ["7"], [True], [float("inf")], 7, {"7": 1}])
def test_what_is_no_id_is_refused(ids: Any) -> None:
    """With what is expected in its place."""
    with pytest.raises(ApiError) as refused:
        selected({"ids": ids})

    assert refused.value.slug.startswith("invalid-selection")
