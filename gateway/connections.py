"""Connections: a number of them for each address, whether or not anything is sent on them.

The server accepts whatever comes and tells of a connection only when a request has come on it. But its connections are
this process's descriptors, so those that are too many can be found there and shut, which the server takes for callers
that hung up.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import socket
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from gateway.addresses import coarse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.addresses import Addresses

    Peer = tuple[str, int]

__all__ = ["Connections", "Shut", "most_connections"]

_log: Final = structlog.stdlib.get_logger("gateway")

_LOOK_SECONDS: Final = 0.5
# A connection is made before its first request comes; one that is shut in between would lose that request.
_GRACE_SECONDS: Final = 2.0
# Whoever opens them without end is no reason to write lines without end.
_WARN_SECONDS: Final = 60.0
_DESCRIPTORS: Final = "/proc/self/fd"

# For files, brokers, ClickHouse and the spool.
_OTHER_DESCRIPTORS: Final = 256
_MOST_DESCRIPTORS: Final = 16_384
_MOST_HEARD: Final = 2 * _MOST_DESCRIPTORS


def most_connections() -> int:
    """How many connections this process may have, after its limit of descriptors is raised as far as is sensible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    usable = _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, _MOST_DESCRIPTORS)
    return max(128, usable - _OTHER_DESCRIPTORS)


class Shut(NamedTuple):
    """How many connections were shut: on which a request was under way, and others."""

    answering: int = 0
    idle: int = 0


class Connections:
    """Shuts connections to a port of this process above `limit` of one address; those of trusted proxies are theirs."""

    def __init__(
        self,
        port: int,
        limit: int,
        addresses: Addresses,
        most: int | None = None,
        count: Callable[[Shut], None] = lambda _: None,
    ) -> None:
        """`most` is what this process may have in all; without it, as many as its descriptors allow.

        `count` is told, on the loop, what `watch` has shut.
        """
        self._port = port
        self._limit = limit
        self._most = most or most_connections()
        self._addresses = addresses
        self._count = count
        self._untold = Shut()
        self._told_at = -math.inf
        self._heard: OrderedDict[Peer, int] = OrderedDict()
        self._requests = 0
        self._under_way: dict[Peer, int] = {}
        self._seen: dict[Peer, float] = {}
        self._gone: set[Peer] = set()

    def begin(self, peer: Peer) -> None:
        """A request has come from this address and port."""
        self._hear(peer)
        self._under_way[peer] = self._under_way.get(peer, 0) + 1

    def end(self, peer: Peer) -> None:
        """A request from there has been answered, or is gone."""
        self._hear(peer)
        left = self._under_way.pop(peer) - 1
        if left:
            self._under_way[peer] = left

    def _hear(self, peer: Peer) -> None:
        self._requests += 1
        self._heard[peer] = self._requests
        self._heard.move_to_end(peer)
        if len(self._heard) > _MOST_HEARD:
            self._heard.popitem(last=False)

    async def watch(self) -> None:
        """Look twice a second for connections that are too many, for ever; tell of those that were shut."""
        while True:
            if len(os.listdir(_DESCRIPTORS)) > self._limit:  # noqa: PTH208 - names are all that is wanted
                shut = await asyncio.to_thread(self.shut_surplus, time.monotonic())
                self._count(shut)
                self._untold = Shut(self._untold.answering + shut.answering, self._untold.idle + shut.idle)
            self._warn(time.monotonic())
            await asyncio.sleep(_LOOK_SECONDS)

    def _warn(self, now: float) -> None:
        """Write a line about what was shut since the last one, a minute after that at the earliest."""
        if any(self._untold) and now - self._told_at >= _WARN_SECONDS:
            _log.warning(
                "an address has too many connections: some are shut",
                count=sum(self._untold),
                answering=self._untold.answering,
                limit=self._limit,
            )
            self._untold, self._told_at = Shut(), now

    def shut_surplus(self, now: float) -> Shut:
        """Shut what is too many of an address, and return how many.

        First go those that said nothing yet, the longest there first; then whoever said something longest ago; those
        whose request is under way last. New ones do not count for a moment, unless the process itself is running out
        of room. `now` is the seconds of any clock.
        """
        descriptors = self._of_port()
        self._seen = {peer: self._seen.get(peer, now) for peer in descriptors}
        # The server may take a while to let go of one, which is shut only once.
        self._gone.intersection_update(descriptors)
        grace = _GRACE_SECONDS if len(descriptors) < self._most // 2 else 0.0
        by_address: dict[str, list[Peer]] = {}
        for peer in descriptors:
            if peer in self._heard or now - self._seen[peer] >= grace:
                by_address.setdefault(coarse(peer[0]), []).append(peer)
        answering = idle = 0
        for peers in by_address.values():
            if len(peers) > self._limit and not self._addresses.is_trusted(peers[0][0]):
                peers.sort(key=self._worth)
                for peer in peers[: len(peers) - self._limit]:
                    busy = peer in self._under_way
                    if _shut(descriptors[peer], peer) and peer not in self._gone:
                        self._gone.add(peer)
                        answering, idle = answering + busy, idle + (not busy)
        return Shut(answering, idle)

    def _worth(self, peer: Peer) -> tuple[bool, int, float]:
        """What is larger of whom is kept longer; looked up now, since requests come while connections are counted."""
        return peer in self._under_way, self._heard.get(peer, 0), self._seen[peer]

    def _of_port(self) -> dict[Peer, int]:
        """The descriptors of connections to the port, by who is at the other end."""
        descriptors: dict[Peer, int] = {}
        for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - as above
            try:
                with _socket_of(int(name)) as connection:
                    if connection.getsockname()[1:2] == (self._port,):
                        descriptors[connection.getpeername()[:2]] = int(name)
            except (OSError, TypeError):
                # A file, a socket that listens or is of another kind, or one that has just been closed.
                continue
        return descriptors


@contextlib.contextmanager
def _socket_of(descriptor: int) -> Iterator[socket.socket]:
    """The socket of a descriptor for a while, which stays open; raises OSError if it is none."""
    copy = os.dup(descriptor)
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        # Python closes only what it has taken for a socket; each look would leave a copy of every file.
        os.close(copy)
        raise
    with connection:
        yield connection


def _shut(descriptor: int, peer: Peer) -> bool:
    """Shut the connection of a descriptor, unless that has become another one meanwhile."""
    try:
        with _socket_of(descriptor) as connection:
            if connection.getpeername()[:2] != peer:
                return False
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
