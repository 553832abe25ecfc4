"""Tokens and what they allow."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import (
    UPLOAD,
    Access,
    academy_id,
    require,
    require_upload,
    required_academy,
    secret_of,
)
from gateway.errors import ApiError
from schemas.reference.directory import Token


class View:
    """A view of one token."""

    complete = True

    def __init__(self, token: Token) -> None:
        self.known = token

    def token(self, sha256: str, /) -> Token | None:
        """The token, if it is the one."""
        return self.known if sha256 == self.known.sha256 else None


def token(*, ingest: bool = False, expires_at: int | None = None, **academies: frozenset[str]) -> Token:
    """A token with the secret `s`; academies are named by their ids after an `a`."""
    return Token(
        sha256=hashlib.sha256(b"s").hexdigest(),
        value=b"{}",
        user_id=None if ingest else 7,
        ingest=ingest,
        expires_at=expires_at,
        academies={int(name[1:]): names for name, names in academies.items()},
    )


@pytest.mark.parametrize(
    ("authorization", "parameter", "secret"),
    [
        ("Token x", None, "x"),
        ("bearer  x ", "y", "x"),
        (None, "y", "y"),
        ("", "y", "y"),
        (None, None, None),
        (None, "", None),
    ],
)
def test_a_token_is_found_where_it_may_be(authorization: str | None, parameter: str | None, secret: str | None) -> None:
    """In the header, else in the URL."""
    assert secret_of(authorization, parameter) == secret


@given(st.text())
def test_any_other_authorization_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with contextlib.suppress(ApiError):
        found = secret_of(text, None)

        assert found is None or found in text


def test_a_valid_token_is_found_by_its_digest() -> None:
    """The secret itself is kept nowhere."""
    assert Access(View(token())).token("s") is not None


@pytest.mark.parametrize(
    ("secret", "slug"), [(None, "authentication-required"), ("", "authentication-required"), ("x", "invalid-token")]
)
def test_a_missing_and_a_wrong_token_differ(secret: str | None, slug: str) -> None:
    """So that a caller knows whether it was read at all."""
    with pytest.raises(ApiError, match=slug):
        Access(View(token())).token(secret)


def test_an_expired_token_is_none() -> None:
    """It ends at its instant."""
    with pytest.raises(ApiError, match="invalid-token"):
        Access(View(token(expires_at=1))).token("s")


def test_an_unknown_token_may_only_not_have_been_read_yet() -> None:
    """As long as the view is not complete, nobody is told that a token is wrong."""
    view = View(token())
    view.complete = False

    with pytest.raises(ApiError, match="starting") as refusal:
        Access(view).token("x")

    assert refusal.value.status == 503


def test_everybody_is_an_ingest_key() -> None:
    """Where uploads are open, an unknown token counts as none, and a known one as itself."""
    access = Access(View(token()), everybody=True)

    assert access.uploader(None).ingest
    assert access.uploader("x").ingest
    assert access.uploader("s").user_id == 7
    with pytest.raises(ApiError):
        access.token("x")


def test_a_capability_counts_where_it_was_given() -> None:
    """In that academy and in no other."""
    held = token(a1=frozenset({"read_assignment"}))

    require(held, "read_assignment", 1)
    for capability, academy in (("read_assignment", 2), ("crud_telemetry", 1)):
        with pytest.raises(ApiError, match="missing-capability"):
            require(held, capability, academy)


_none: frozenset[str] = frozenset()
_reads = frozenset({"read_assignment"})
_uploads = frozenset({UPLOAD})


@pytest.mark.parametrize(
    ("held", "academy", "allowed"),
    [
        (token(), None, True),
        (token(), 1, True),
        (token(a1=_none), 1, True),
        (token(a1=_reads), 1, False),
        (token(a1=_reads), None, False),
        (token(a1=_reads), 2, True),
        (token(a1=_reads | _uploads), 1, True),
        (token(a1=_reads, a2=_uploads), None, True),
        (token(ingest=True, a1=_none), None, True),
        (token(ingest=True, a1=_none), 1, True),
        (token(ingest=True, a1=_none), 2, False),
        (token(ingest=True), 2, True),
    ],
)
def test_who_may_upload(held: Token, academy: int | None, allowed: bool) -> None:  # noqa: FBT001 - a table
    """An ingest key in its academies; a personal token by default, else with the capability."""
    if allowed:
        require_upload(held, academy)
    else:
        with pytest.raises(ApiError, match="missing-capability") as refusal:
            require_upload(held, academy)
        where = "no academy;" if academy is None else f"academy {academy}."
        assert f"for {where}" in refusal.value.body("en").decode()


@given(st.text() | st.none())
def test_an_academy_is_digits(text: str | None) -> None:
    """Nothing else is ever taken for one."""
    number = academy_id(text)

    assert number is None or (text is not None and int(text.strip()) == number)


@pytest.mark.parametrize(
    ("header", "parameter", "expected"), [("4", "5", 4), (None, "5", 5), ("", "5", 5), (" 7 ", None, 7)]
)
def test_the_header_comes_before_the_parameter(header: str | None, parameter: str | None, expected: int) -> None:
    """Either will do."""
    assert required_academy(header, parameter) == expected


@pytest.mark.parametrize(
    ("header", "slug"), [(None, "missing-academy"), ("", "missing-academy"), ("x", "invalid-academy-id")]
)
def test_a_request_must_name_an_academy(header: str | None, slug: str) -> None:
    """None and a bad one are told apart."""
    with pytest.raises(ApiError, match=slug):
        required_academy(header, None)
