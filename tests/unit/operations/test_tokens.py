"""Tokens as their topic keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from hypothesis import given
from hypothesis import strategies as st

from operations.tokens import CAPABILITIES, NewToken, digest, new_secret
from schemas.reference.directory import Token

if TYPE_CHECKING:
    import pytest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
ACADEMIES = st.dictionaries(st.integers(0, 2**31), st.lists(st.sampled_from(CAPABILITIES), unique=True).map(tuple))


def test_a_digest_is_sha_256() -> None:
    """The key of a token is the SHA-256 of its secret (FIPS 180-2, appendix B.1)."""
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.none() | st.integers(1, 2**31), ACADEMIES, MOMENTS, st.none() | MOMENTS, st.text(max_size=20))
def test_what_is_written_is_read_back(
    user: int | None,
    academies: dict[int, tuple[str, ...]],
    created: datetime,
    expires: datetime | None,
    label: str,
) -> None:
    """A token's record gives every field back to whoever judges requests by it."""
    new = NewToken(user, academies, created, expires, label)

    read = Token.parse(digest("secret").encode(), new.record())

    assert (read.user_id, read.ingest) == (user, user is None)
    assert {academy: frozenset(names) for academy, names in academies.items()} == dict(read.academies)
    assert read.expires_at == (None if expires is None else (expires - EPOCH) // timedelta(microseconds=1))
    assert (read.label or "") == label


def test_a_record_holds_no_secret() -> None:
    """What goes onto the topic is made without the secret."""
    token = NewToken(7, {}, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1))

    assert orjson.loads(token.record()).keys() == {"user_id", "ingest", "academies", "created_at", "expires_at"}


def test_a_secret_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins with a hyphen is not given."""
    made = iter(("-abc", "-d", "_e-"))
    monkeypatch.setattr("operations.tokens.secrets.token_urlsafe", lambda _size: next(made))

    assert new_secret() == "_e-"
