"""Addresses that ids begin with."""

from __future__ import annotations

import pytest

from operations.export.address import home_of
from operations.export.errors import ExportError


@pytest.mark.parametrize(
    "home", ["https://lms.example", "http://127.0.0.1:8000/a/", "urn:lms", "https://lms.exämple/ü"]
)
def test_a_homepage_is_an_iri(home: str) -> None:
    """Without the slash at its end, as ids have one of their own."""
    assert home_of(home) == home.rstrip("/")


@pytest.mark.parametrize(
    "home", ["", "my lms", "lms.example", "https://", "http:lms", "https://my lms", "urn:a\nb", "/a"]
)
def test_what_no_id_can_begin_with_is_refused(home: str) -> None:
    """With an example of what can."""
    with pytest.raises(ExportError, match="--homepage"):
        home_of(home)
