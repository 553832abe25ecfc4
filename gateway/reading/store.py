"""Queries of ClickHouse: bound parameters only, within limits of time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from broker.clickhouse import TLS_PREFIX, connect_one, failover_of, goes_elsewhere
from broker.tls import tls_trouble
from gateway.reading.room import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from clickhouse_connect.driver.asyncclient import AsyncClient
    from clickhouse_connect.driver.query import QueryResult

    from schemas.settings import Settings

__all__ = ["ClickHouse", "ReadError", "Reader"]

_log: Final = structlog.stdlib.get_logger("gateway")

_CONNECT_SECONDS: Final = 3
# More than ClickHouse takes for any question, and what anybody waits who asks one.
_ANSWER_SECONDS: Final = 8

# A page of the log may be wide, but nobody waits longer than this for it, nor may it starve the inserts.
_LIMITS: Final[dict[str, Any]] = {
    "max_execution_time": 7,
    "max_memory_usage": 2 << 30,
    "readonly": 2,
    # Whoever reads what may be large asks for its size first; this is for what nobody thought of.
    "max_result_bytes": 64 << 20,
    "result_overflow_mode": "throw",
}

# Of what ClickHouse holds, read and put together at once; it takes some times as much memory while that lasts.
_ROOM_BYTES: Final = 16 << 20


def _servers_own(error: Exception) -> bool:
    """Whether an error is one server's alone: it gave no answer, or one that says so."""
    if not isinstance(error, DatabaseError):
        return isinstance(error, OSError)
    without_answer = error.code is None and type(error) in (DatabaseError, OperationalError)
    return without_answer or goes_elsewhere(error.code)


class ReadError(Exception):
    """ClickHouse did not answer or refused the query; the text is one line of its reason."""


class Reader(Protocol):
    """What answers queries."""

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, /, *, as_bytes: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """As ClickHouse.rows."""


class ClickHouse:
    """Reads the public database; connects when it is first asked, and again after a failure to connect.

    Of several servers the first is asked that has not just failed; a question that one of them does not answer goes to
    the next, unless it had its time already.
    """

    def __init__(self, settings: Settings) -> None:
        self.database = settings.database
        self._settings = settings
        self._failover = failover_of(settings)
        self._clients: dict[int, AsyncClient] = {}
        self._connecting = asyncio.Lock()
        self._distrusted = ""
        self._room = Room(_ROOM_BYTES)

    async def _connected(self, server: int) -> AsyncClient:
        async with self._connecting:
            if server not in self._clients:
                self._clients[server] = await connect_one(
                    self._settings,
                    server,
                    database=self.database,
                    connect_seconds=_CONNECT_SECONDS,
                    answer_seconds=_ANSWER_SECONDS,
                )
            return self._clients[server]

    async def _ask(self, sql: str, **more: Any) -> QueryResult:
        began = time.monotonic()
        order = self._failover.order(began)
        for server in order:
            try:
                result = await (await self._connected(server)).query(sql, **more)
            except (ClickHouseError, OSError) as error:
                if not _servers_own(error):
                    raise
                reason, now = await self._explained(error, server), time.monotonic()
                self._failover.failed(server, now, reason)
                if server == order[-1] or now - began >= _ANSWER_SECONDS:
                    raise ReadError(reason) from error
            else:
                self._failover.answered(server)
                return result
        raise AssertionError  # there is always one

    async def _explained(self, error: Exception, server: int) -> str:
        """An error in a line; one of certificates, which needs somebody, is told in the log, too."""
        trouble = tls_trouble(error, TLS_PREFIX)
        if trouble is None:
            return str(error).partition("\n")[0]
        if (client := self._clients.pop(server, None)) is not None:
            # The next one reads the files of certificates anew.
            await client.close()
        reason = f"it {trouble.detail}. {trouble.mend}"
        if reason != self._distrusted:
            _log.error("ClickHouse is not trusted", reason=reason)
        self._distrusted = reason
        return reason

    @contextlib.asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """To be held while so many bytes are read and made an answer; raises ReadError where others hold too much."""
        async with contextlib.AsyncExitStack() as held:
            try:
                await held.enter_async_context(self._room.take(size, _ANSWER_SECONDS))
            except TimeoutError as error:
                message = "too many large answers are read at once"
                raise ReadError(message) from error
            yield

    async def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        as_bytes: Collection[str] = (),
        limits: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a query, by column; values reach it only as `{name:Type}` parameters. Raises ReadError.

        The columns of `as_bytes` are not decoded: bodies need not be UTF-8. `limits` are settings of ClickHouse in
        place of the usual ones.
        """
        try:
            result = await self._ask(
                sql,
                parameters=dict(parameters or {}),
                settings={**_LIMITS, **(limits or {})},
                column_formats=dict.fromkeys(as_bytes, "bytes"),
            )
        except (ClickHouseError, OSError) as error:
            message = str(error).partition("\n")[0]
            raise ReadError(message) from error
        return list(result.named_results())

    async def answers(self) -> bool:
        """Whether ClickHouse answers a query now."""
        try:
            await self.rows("SELECT 1")
        except ReadError:
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.close()
