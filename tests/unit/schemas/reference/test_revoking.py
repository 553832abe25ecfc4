"""The end of a token that an LMS has, too."""

from __future__ import annotations

from schemas.reference.directory import Token
from schemas.reference.lookup import Reference
from schemas.reference.revoking import REVOKED, token_end

SHA = "ab" * 32


def test_a_token_of_the_lms_s_ends_with_a_mark() -> None:
    """Which is no token to anybody, stays when it ends once more, and goes with a tombstone or a token put anew."""
    reference = Reference()
    reference.apply("tokens", SHA.encode(), b'{"user_id": 7, "synced": true}')
    for _ in range(2):
        end = token_end(reference, SHA)
        assert end == REVOKED
        reference.apply("tokens", SHA.encode(), end)
        assert reference.token(SHA) is None
        assert list(reference.records("tokens")) == []

    reference.apply("tokens", SHA.encode(), b'{"user_id": 8}')
    assert not reference.is_revoked(SHA)
    assert reference.token(SHA) is not None
    assert token_end(reference, SHA) is None
    reference.apply("tokens", SHA.encode(), REVOKED)
    reference.apply("tokens", SHA.encode(), None)
    assert token_end(reference, SHA) is None


def test_releases_that_know_no_mark_read_a_key_that_ended() -> None:
    """It names nobody, and is over at every moment."""
    token = Token.parse(SHA.encode(), REVOKED)

    assert (token.user_id, token.ingest, token.academies) == (None, True, {})
    assert token.expired(0)
