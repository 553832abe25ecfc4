"""Where requests come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.directory import Token

__all__ = ["whose"]


def whose(scope: dict[str, Any], token: Token | None) -> str:
    """Who shares what there is to share in: an address with a token (None: none yet)."""
    client = scope.get("client")
    return f"{client[0] if client else '-'} {'' if token is None else token.sha256}"
