"""Numbers of formats."""

from __future__ import annotations

import pickle

import pytest

from schemas.wire.formats import NewerFormatError, format_in, require_known


@pytest.mark.parametrize(
    ("value", "number"), [(None, 1), (1, 1), (3, 3), (0, 1), (-2, 1), ("2", 1), (True, 1), (2.0, 1)]
)
def test_what_carries_no_number_is_of_the_first_format(value: object, number: int) -> None:
    """What was written before there were numbers is read for ever."""
    assert format_in(value) == number


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    """The text says what it is about, which release reads it if that is known, and that nothing was changed."""
    require_known("the spool", 2, 2)
    with pytest.raises(
        NewerFormatError, match=r"^the spool: written in format 3, .* reads 2 at most\. Nothing was "
    ) as one:
        require_known("the spool", 3, 2)
    assert "Use the release that wrote it or a newer one" in str(one.value)
    with pytest.raises(NewerFormatError, match=r"Use release 0\.9\.0 or a newer one") as other:
        require_known("the spool", 3, 2, "0.9.0")

    assert str(pickle.loads(pickle.dumps(other.value))) == str(other.value)  # noqa: S301 - our own
