"""Which of several servers is asked: the first that has not just failed, in the order that somebody chose."""

from __future__ import annotations

import threading
from typing import Final

import structlog

__all__ = ["PAUSE_SECONDS", "Failover"]

# One request in this time finds out whether a server that failed is there again; it waits for a connection at most.
PAUSE_SECONDS: Final = 10.0

_log: Final = structlog.stdlib.get_logger("broker")


class Failover:
    """Knows which servers failed, and when; several threads may use it. Servers are told by their place in the order.

    Whoever asks goes through `order` until one answers, and says of each how it went. All times are of one clock, in
    seconds.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        """Remember the servers' names, for the log; all of them are in favour."""
        self._names = names
        self._out_until: list[float] = [0.0] * len(names)
        self._lock = threading.Lock()

    def order(self, now: float) -> list[int]:
        """All servers, those in favour first; who has failed is among these for one caller when its time is over."""
        with self._lock:
            favoured = []
            for server, until in enumerate(self._out_until):
                if until <= now:
                    favoured.append(server)
                    if until:
                        # The others do not wait to see how this caller fares.
                        self._out_until[server] = now + PAUSE_SECONDS
            rest = sorted(set(range(len(self._names))) - set(favoured), key=self._out_until.__getitem__)
            return favoured + rest

    def failed(self, server: int, now: float, reason: str) -> None:
        """Leave a server out for a while."""
        with self._lock:
            news = not self._out_until[server]
            self._out_until[server] = now + PAUSE_SECONDS
        if news and len(self._names) > 1:
            _log.warning("a ClickHouse server is left out", address=self._names[server], reason=reason)

    def answered(self, server: int) -> None:
        """Have a server in favour again."""
        with self._lock:
            news = bool(self._out_until[server])
            self._out_until[server] = 0.0
        if news and len(self._names) > 1:
            _log.info("a ClickHouse server is used again", address=self._names[server])
