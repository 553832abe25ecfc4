"""Signatures of Standard Webhooks, version 1: HMAC-SHA256 over id, time and body (pure)."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["signed_headers"]


def signed_headers(message_id: str, body: bytes, keys: Iterable[bytes], at: int) -> dict[str, str]:
    """The headers of a post at an instant (seconds since 1970), with a signature for each key.

    While a receiver goes over from one secret to another, either of the signatures is good.
    """
    signed = f"{message_id}.{at}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
