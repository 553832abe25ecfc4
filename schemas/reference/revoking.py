"""What is written in the place of a token that ends, so that it stays so where `directory sync` finds it in the LMS.

A tombstone says no more than that nothing is known of a key, and a sync writes what the LMS has and the topic has not.
So a token that comes from there gets a mark: every reader takes it for no token, and a sync for one that it leaves,
until the LMS has it no more. It names nobody, so that nothing of a student who is forgotten stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.reference.lookup import Reference

__all__ = ["REVOKED", "is_mark", "token_end"]

# Releases that know of no mark read a key that ended long ago.
REVOKED: Final = b'{"revoked":true,"synced":true,"ingest":true,"expires_at":"1970-01-01T00:00:00Z"}'


def is_mark(record: Mapping[str, Any]) -> bool:
    """Whether a token's record is such a mark, and not one that the LMS itself calls revoked."""
    return record.get("revoked") is True and record.get("user_id") is None


def token_end(reference: Reference, sha256: str) -> bytes | None:
    """The record that ends a token: a mark where a sync has seen it in the LMS, else None, which is a tombstone."""
    token = reference.token(sha256)
    comes_from_there = token is not None and token.synced
    return REVOKED if comes_from_there or reference.is_revoked(sha256) else None
