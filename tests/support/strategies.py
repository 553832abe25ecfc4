"""Hypothesis strategies that several test modules draw from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["ANY_JSON", "json_objects", "json_values"]

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", " ", "1", " 2 ", "1,2", "²", "٣", "1_000", "9" * 5000, 10**30, -1])
)


def json_values() -> st.SearchStrategy[Any]:
    """Anything that a JSON reader can return, the awkward numbers and texts among them."""
    return st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    )


def json_objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these keys, with any value."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, json_values()))


# What a client can send and be stored: integers of 64 bits, no NaN, no halves of emojis.
_STORABLE = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", " ", "7", "07", "²", "1_0", "batch", "test", "2024-12-19T15:17:49.242Z", "0001-01-01", "1e400"]
    )
)
ANY_JSON = st.recursive(
    _STORABLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
