"""Which forms are taken."""

from __future__ import annotations

import contextlib
from typing import Final

import pytest

from gateway.console.csrf import FIELD, form_token, require_own_form, require_own_site
from gateway.console.session import Seal, Session
from gateway.errors import ApiError

SEAL: Final = Seal(b"k" * 32)
OWN: Final = Session("ab", 1, 0, 0, "one")
OTHER: Final = Session("ab", 1, 0, 0, "two")


def test_the_token_of_this_session_is_taken() -> None:
    """Also once the session has been used since."""
    require_own_form(SEAL, OWN.used_at(7), {FIELD: form_token(SEAL, OWN)})


@pytest.mark.parametrize("given", [None, "", "x", "é", form_token(SEAL, OTHER), form_token(Seal(b"other"), OWN)])
def test_any_other_is_refused(given: str | None) -> None:
    """None, a foreign one, one of another session of the same person."""
    with pytest.raises(ApiError) as refused:
        require_own_form(SEAL, OWN, {} if given is None else {FIELD: given})

    assert (refused.value.status, refused.value.slug) == (403, "foreign-form")


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://console.example"}, False),
        ({"origin": "https://console.example"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_requests_of_other_sites_are_refused(headers: dict[str, str], *, taken: bool) -> None:
    """As far as a browser tells."""
    refusal = contextlib.nullcontext() if taken else pytest.raises(ApiError, match="foreign-form")
    with refusal:
        require_own_site(headers, "console.example")
