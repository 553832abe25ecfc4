"""Redelivery: which earlier webhook of the same student a webhook repeats (docs/semantics.md, "Redelivery").

A student's memory is two rings of packed entries, so that looking one up decodes nothing and an update copies a few
hundred bytes: the bodies of the last minutes (at most BODIES) and the last RECEIPTS receipts and idempotency keys,
which a gateway's spool may repeat long after.
"""

from __future__ import annotations

from hashlib import blake2b, sha256
from struct import Struct
from typing import Final

__all__ = [
    "BODIES",
    "RECEIPTS",
    "body_digest",
    "find_body",
    "find_receipt",
    "key_digest",
    "remember_body",
    "remember_receipt",
]

BODIES: Final = 256
RECEIPTS: Final = 32

_DIGEST: Final = 8
_BODY: Final = Struct(">8sQQ")  # digest, webhook id, effective_at in milliseconds
_RECEIPT: Final = Struct(">8sQ")  # digest, webhook id


def body_digest(value: bytes, params: bytes) -> bytes:
    """The identity of a body with its parameters (the `params` header as it stands)."""
    digest = sha256(value, usedforsecurity=False)
    if params:
        digest.update(b"\0params\0")
        digest.update(params)
    return digest.digest()[:_DIGEST]


def key_digest(kind: str, key: str) -> bytes:
    """The identity of a receipt or an idempotency key; `kind` keeps the two apart."""
    return blake2b(f"{kind}\0{key}".encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _find(ring: bytes, digest: bytes, size: int) -> int:
    at = ring.rfind(digest)
    while at > 0 and at % size:
        at = ring.rfind(digest, 0, at + _DIGEST - 1)
    return at


def find_body(ring: bytes, digest: bytes, now: int, window: int) -> int | None:
    """The id of the webhook with this body at most `window` milliseconds before `now`, or None."""
    at = _find(ring, digest, _BODY.size)
    if at < 0:
        return None
    _, webhook_id, then = _BODY.unpack_from(ring, at)
    return int(webhook_id) if now - then <= window else None


def remember_body(ring: bytes, digest: bytes, webhook_id: int, now: int, window: int) -> bytes:
    """The ring with this body at its end and without the entries that no later webhook can repeat."""
    size = _BODY.size
    start = max(0, len(ring) - (BODIES - 1) * size)
    while start < len(ring) and now - _BODY.unpack_from(ring, start)[2] > window:
        start += size
    return ring[start:] + _BODY.pack(digest, webhook_id, now)


def find_receipt(ring: bytes, digest: bytes) -> int | None:
    """The id of the remembered webhook with this receipt or idempotency key, or None."""
    at = _find(ring, digest, _RECEIPT.size)
    return None if at < 0 else int(_RECEIPT.unpack_from(ring, at)[1])


def remember_receipt(ring: bytes, digest: bytes, webhook_id: int) -> bytes:
    """The ring with this receipt at its end, and without its oldest where it is full."""
    return ring[-(RECEIPTS - 1) * _RECEIPT.size :] + _RECEIPT.pack(digest, webhook_id)
