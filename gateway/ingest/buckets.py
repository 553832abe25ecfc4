"""Buckets that leak: how much somebody has sent lately, in requests and in bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Allowance", "Bucket", "Buckets", "Refusal"]

_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be sent in a minute."""

    requests: int
    size: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which allowance is used up, of what, and the seconds until there is room again."""

    allowance: Allowance
    seconds: int
    of_bytes: bool = False


class Bucket:
    """What was sent and has not leaked yet. A bucket holds a minute's allowance, which leaks out evenly in a minute."""

    __slots__ = ("at", "requests", "size")

    def __init__(self, now: float) -> None:
        self.requests = 0.0
        self.size = 0.0
        self.at = now

    def refusal(self, allowance: Allowance, now: float) -> Refusal | None:
        """Why another request must wait, None where it need not; changes nothing but the level."""
        passed, self.at = now - self.at, now
        requests_a_second, bytes_a_second = allowance.requests / _SECONDS, allowance.size / _SECONDS
        self.requests = max(0.0, self.requests - passed * requests_a_second)
        self.size = max(0.0, self.size - passed * bytes_a_second)
        over = self.requests + 1 - allowance.requests
        # A hair's breadth is rounding, not a request.
        if over > 1e-9:  # noqa: PLR2004 - as said
            return Refusal(allowance, ceil(over / requests_a_second))
        if self.size >= allowance.size:
            return Refusal(allowance, ceil((self.size - allowance.size + 1) / bytes_a_second), of_bytes=True)
        return None

    def add(self, size: int, requests: int = 1) -> None:
        """Count a request and its bytes, which may go beyond the allowance by one body."""
        self.requests += requests
        self.size += size


class Buckets:
    """Buckets by name, a bounded number of them: one that nobody used for `idle` seconds makes room for a new one."""

    def __init__(self, most: int, idle: float = _SECONDS) -> None:
        self._most = most
        self._idle = idle
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, name: Hashable) -> Bucket | None:
        """The bucket of this name, if there is one."""
        bucket = self._buckets.get(name)
        if bucket is not None:
            self._buckets.move_to_end(name)
        return bucket

    def make(self, name: Hashable, now: float) -> Bucket | None:
        """A new bucket of this name, None where all are in use."""
        while self._buckets and (oldest := next(iter(self._buckets.values()))).at <= now - self._idle:
            del oldest
            self._buckets.popitem(last=False)
        if len(self._buckets) >= self._most:
            return None
        bucket = self._buckets[name] = Bucket(now)
        return bucket
