"""Memory for bodies: counted as they arrive, with a share for each address and each token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gateway.access import RETRY_SECONDS
from gateway.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SMALL_BYTES", "Share", "Shares"]

# The account of those who have not shown a token yet.
_NOBODY: Final = "nobody"

# The beginning of a body has room of its own, so that events pass while large bodies wait for each other.
SMALL_BYTES: Final = 64 << 10

_ALL: Final = ""
_LONGEST_WAIT: Final = 10.0
_LOOK_SECONDS: Final = 1.0

# Who comes slower than that must go when others wait; the beginning of a connection may be slow.
_BYTES_A_SECOND: Final = 32 << 10
_GRACE_SECONDS: Final = 2.0


class Share:
    """What one request holds. Whoever reads its body calls `arrived`, and is told by `give_up` to end."""

    __slots__ = ("_began", "_got", "_shares", "accounts", "address", "give_up", "large", "small")

    def __init__(self, shares: Shares, address: str, accounts: tuple[str, ...]) -> None:
        self._shares = shares
        self.address = address
        self.accounts = accounts
        self.small = 0
        self.large = 0
        self.give_up: Callable[[], None] | None = None
        self._began = 0.0
        self._got = 0

    async def arrived(self, size: int) -> None:
        """Count more bytes of the body, as `hold` does."""
        self._got += size
        await self.hold(self.small + self.large + size)

    async def hold(self, size: int) -> None:
        """Count this many bytes from now on; waits until there is room, and raises ApiError 503 if there is none."""
        small = min(size, SMALL_BYTES)
        grows = (small - self.small, size - small - self.large)
        if not self._shares.has_room(self, grows):
            give_up, self.give_up = self.give_up, None
            try:
                await self._shares.wait(self, grows)
            finally:
                self.give_up = give_up
                self.begin(asyncio.get_running_loop().time())
        self._shares.count(self, grows)

    def begin(self, now: float) -> None:
        """Begin to measure how fast the body comes."""
        self._began, self._got = now, 0

    def is_behind(self, now: float) -> bool:
        """Whether the body comes so slowly that it must not keep others waiting."""
        passed = now - self._began
        return self.give_up is not None and passed > _GRACE_SECONDS and self._got < passed * _BYTES_A_SECOND

    def leave(self) -> None:
        """The request holds nothing any more."""
        self._shares.leave(self)


class Shares:
    """Room for `large` bytes of large bodies and `small` of small ones and of the beginnings of all.

    An address may have half of it, and so may a token; those who have not shown one yet have half together, and an
    eighth of each address. Whoever has waited longest gets more than there is, so that bodies that wait for each other
    come to an end; and so does whoever is alone.
    """

    def __init__(self, large: int, small: int) -> None:
        self._sizes = (small, large)
        self._used: dict[tuple[int, str], int] = {}
        self._entered: dict[Share, None] = {}
        self._waiting: dict[Share, asyncio.Future[None]] = {}
        self._favoured: Share | None = None
        self._looked = 0.0

    def enter(self, address: str, token: str | None) -> Share:
        """A share for a request from this address with a token of this name (None: not known yet)."""
        accounts = (_ALL, f"a {address}", *((_NOBODY, f"n {address}") if token is None else (f"t {token}",)))
        share = Share(self, address, accounts)
        self._entered[share] = None
        return share

    @property
    def held(self) -> int:
        """Bytes that all requests hold."""
        return self._used.get((0, _ALL), 0) + self._used.get((1, _ALL), 0)

    def has_room(self, share: Share, grows: tuple[int, int]) -> bool:
        """Whether a share may grow so."""
        for pool, more in enumerate(grows):
            if more <= 0:
                continue
            held_by_share = share.large if pool else share.small
            for account in share.accounts:
                used = self._used.get((pool, account), 0)
                if used > held_by_share and used + more > self._most(pool, account):
                    return False
        return True

    def _most(self, pool: int, account: str) -> int:
        size = self._sizes[pool]
        return size if account == _ALL else size // 8 if account.startswith("n ") else size // 2

    async def wait(self, share: Share, grows: tuple[int, int]) -> None:
        """Return when a share may grow so; raises ApiError 503 after ten seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_WAIT
        while share in self._entered and not self.has_room(share, grows):
            if self._favoured in (None, share):
                self._favoured = share
                return
            if (now := loop.time()) > until:
                raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)
            self._end_slow_ones(now)
            woken = self._waiting[share] = loop.create_future()
            try:
                await asyncio.wait({woken}, timeout=_LOOK_SECONDS)
            finally:
                self._waiting.pop(share, None)

    def _end_slow_ones(self, now: float) -> None:
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        for share in [share for share in self._entered if share.is_behind(now)]:
            if share.give_up is not None:
                share.give_up()

    def count(self, share: Share, grows: tuple[int, int]) -> None:
        """A share has grown so, or become smaller; one that has left meanwhile holds nothing any more."""
        if share not in self._entered:
            return
        share.small += grows[0]
        share.large += grows[1]
        for pool, more in enumerate(grows):
            if more:
                for account in share.accounts:
                    self._add(pool, account, more)
        if min(grows) < 0:
            self._wake()

    def _add(self, pool: int, account: str, more: int) -> None:
        used = self._used.get((pool, account), 0) + more
        if used:
            self._used[pool, account] = used
        else:
            del self._used[pool, account]

    def leave(self, share: Share) -> None:
        """A share holds nothing any more."""
        self.count(share, (-share.small, -share.large))
        self._entered.pop(share, None)
        if self._favoured is share:
            self._favoured = None
            self._wake()

    def _wake(self) -> None:
        for woken in self._waiting.values():
            if not woken.done():
                woken.set_result(None)
