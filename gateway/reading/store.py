"""Queries of ClickHouse: bound parameters only, within limits of time and memory."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from gateway.reading.room import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from clickhouse_connect.driver.asyncclient import AsyncClient

    from schemas.settings import Settings

__all__ = ["ClickHouse", "ReadError", "Reader"]

_CONNECT_SECONDS: Final = 3
_ANSWER_SECONDS: Final = 15

# A page of the log may be wide, but nobody waits longer than this for it, nor may it starve the inserts.
_LIMITS: Final[dict[str, Any]] = {
    "max_execution_time": 10,
    "max_memory_usage": 2 << 30,
    "readonly": 2,
    # Whoever reads what may be large asks for its size first; this is for what nobody thought of.
    "max_result_bytes": 64 << 20,
    "result_overflow_mode": "throw",
}

# Of what ClickHouse holds, read and put together at once; it takes some times as much memory while that lasts.
_ROOM_BYTES: Final = 16 << 20


class ReadError(Exception):
    """ClickHouse did not answer or refused the query; the text is one line of its reason."""


class Reader(Protocol):
    """What answers queries."""

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, /, *, as_bytes: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """As ClickHouse.rows."""


class ClickHouse:
    """Reads the public database; connects when it is first asked, and again after a failure to connect."""

    def __init__(self, settings: Settings) -> None:
        self.database = settings.database
        self._url = settings.clickhouse.get_secret_value()
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._room = Room(_ROOM_BYTES)

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    dsn=self._url,
                    database=self.database,
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=_ANSWER_SECONDS,
                )
            return self._client

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
            client = await self._connected()
            result = await client.query(
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
        if self._client is not None:
            await self._client.close()
