"""Receipts: a UUID for each webhook that comes in, so that a second copy of it can be told."""

from __future__ import annotations

import itertools
import secrets
import uuid

__all__ = ["Receipts"]

_COUNTER_BITS = 48


class Receipts:
    """Makes UUIDs (version 4) that share a random beginning and count at the end, far cheaper than random ones."""

    def __init__(self) -> None:
        self._beginning = str(uuid.uuid4())[:-12]
        self._numbers = itertools.count(secrets.randbits(_COUNTER_BITS))

    def next(self) -> str:
        """Another receipt."""
        return f"{self._beginning}{next(self._numbers) % (1 << _COUNTER_BITS):012x}"
