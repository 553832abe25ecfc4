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
_PART: Final = 2
_NOBODYS_PART: Final = 8
_LONGEST_WAIT: Final = 10.0
_LOOK_SECONDS: Final = 1.0

# Who comes slower than that must go when others wait; the beginning of a connection may be slow.
_BYTES_A_SECOND: Final = 32 << 10
_GRACE_SECONDS: Final = 2.0


class _Account:
    """What those who share it hold together, of small bytes and of large ones, and the most that they may."""

    __slots__ = ("holders", "most", "name", "used")

    def __init__(self, name: str, most: tuple[int, int]) -> None:
        self.name = name
        self.most = most
        self.used = [0, 0]
        self.holders = 0


class Share:
    """What one request holds. Whoever reads its body calls `arrived`, and is told by `give_up` to end."""

    __slots__ = ("_began", "_got", "_shares", "accounts", "address", "give_up", "large", "small")

    def __init__(self, shares: Shares, address: str, accounts: tuple[_Account, ...]) -> None:
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
        if size == self.small + self.large:
            return
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
        self._accounts: dict[str, _Account] = {}
        self._all = _Account(_ALL, self._sizes)
        self._entered: dict[Share, None] = {}
        self._waiting: dict[Share, asyncio.Future[None]] = {}
        self._favoured: Share | None = None
        self._looked = 0.0

    def enter(self, address: str, token: str | None) -> Share:
        """A share for a request from this address with a token of this name (None: not known yet)."""
        sender = self._account(f"a {address}")
        accounts: tuple[_Account, ...]
        if token is None:
            accounts = (self._all, sender, self._account(_NOBODY), self._account(f"n {address}", _NOBODYS_PART))
        else:
            accounts = (self._all, sender, self._account(f"t {token}"))
        for account in accounts:
            account.holders += 1
        share = Share(self, address, accounts)
        self._entered[share] = None
        return share

    def _account(self, name: str, part: int = _PART) -> _Account:
        """The account of a name, which may have one part in so many of all there is."""
        account = self._accounts.get(name)
        if account is None:
            small, large = self._sizes
            account = self._accounts[name] = _Account(name, (small // part, large // part))
        return account

    @property
    def held(self) -> int:
        """Bytes that all requests hold."""
        return sum(self._all.used)

    def has_room(self, share: Share, grows: tuple[int, int]) -> bool:
        """Whether a share may grow so."""
        for pool, more in enumerate(grows):
            if more <= 0:
                continue
            held_by_share = share.large if pool else share.small
            for account in share.accounts:
                used = account.used[pool]
                if used > held_by_share and used + more > account.most[pool]:
                    return False
        return True

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
                    account.used[pool] += more
        if min(grows) < 0:
            self._wake()

    def leave(self, share: Share) -> None:
        """A share holds nothing any more."""
        self.count(share, (-share.small, -share.large))
        if share in self._entered:
            del self._entered[share]
            for account in share.accounts:
                account.holders -= 1
                if not account.holders:
                    self._accounts.pop(account.name, None)
        if self._favoured is share:
            self._favoured = None
            self._wake()

    def _wake(self) -> None:
        for woken in self._waiting.values():
            if not woken.done():
                woken.set_result(None)
