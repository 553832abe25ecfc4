"""Staff commands: published like webhooks, and answered when the worker's result can be read."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import orjson

from gateway.access import RETRY_SECONDS
from gateway.durable.publishing import RawRecord
from gateway.errors import ApiError, UnavailableError
from gateway.reading.store import ReadError
from schemas.redaction import blotted
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.staff import TelemetryCommand, encode_command
from schemas.wire.webhook import student_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.durable.publishing import Publisher
    from gateway.reading.store import ClickHouse
    from schemas.reference.directory import Token
    from schemas.wire.staff import DeleteCommand

__all__ = ["ANSWER_SECONDS", "Commands", "until"]

ANSWER_SECONDS: Final = 10.0

Answer = TypeVar("Answer")

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.2

_RESULTS: Final = """
SELECT id, result FROM webhooks WHERE id IN {ids:Array(UInt64)} AND source = 'staff' AND result IS NOT NULL
"""


class Commands:
    """Sends commands through the raw topic, so that a replay carries them out again, without the keys `redact`."""

    def __init__(self, publisher: Publisher, clickhouse: ClickHouse, *, redact: frozenset[str] = frozenset()) -> None:
        self._publisher = publisher
        self._clickhouse = clickhouse
        self._redact = redact

    async def send(
        self, command: TelemetryCommand | DeleteCommand, token: Token, academy: int, *, partition: int | None = None
    ) -> int:
        """Publish a command and give its id.

        Raises ApiError 503, also where it is only spooled: it will be carried out, but nobody knows when.
        """
        if self._redact and isinstance(command, TelemetryCommand):
            command = msgspec.structs.replace(command, fields=_blotted(command.fields, self._redact))
        headers = RawHeaders(
            source="staff",
            academy=academy,
            principal=None if token.user_id is None else str(token.user_id),
            capabilities=tuple(sorted(token.capabilities(academy))),
            # Its route has seen that staff may; the student may have left when this is processed, or again.
            permitted=True if isinstance(command, TelemetryCommand) else None,
            receipt=str(uuid.uuid4()),
        )
        key = student_key({"user_id": command.user_id}, None) if isinstance(command, TelemetryCommand) else b"staff"
        record = RawRecord(
            key, encode_command(command), encode_headers(headers), time.time_ns() // 1_000_000, partition
        )
        try:
            place = await self._publisher.publish(record)
        except UnavailableError as error:
            raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS) from error
        if place is None:
            raise _late()
        return place

    async def results(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The worker's results of some commands, in their order; raises ApiError 503 if one takes too long."""

        async def read() -> list[dict[str, Any]] | None:
            rows = {row["id"]: row["result"] for row in await self._clickhouse.rows(_RESULTS, {"ids": list(ids)})}
            return [orjson.loads(rows[number]) for number in ids] if len(rows) == len(set(ids)) else None

        return await until(read)


def _blotted(fields: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    # The names of the fields are the command's, only what they hold is somebody's.
    return {name: blotted(value, keys) for name, value in fields.items()}


async def until(read: Callable[[], Awaitable[Answer | None]]) -> Answer:
    """What `read` gives as soon as it gives something; raises ApiError 503 after ANSWER_SECONDS."""
    deadline = time.monotonic() + ANSWER_SECONDS
    pause = _FIRST_PAUSE
    while time.monotonic() < deadline:
        try:
            answer = await read()
        except ReadError:
            answer = None
        if answer is not None:
            return answer
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    raise _late()


def _late() -> ApiError:
    return ApiError("worker-timeout", {"Retry-After": str(RETRY_SECONDS)}, seconds=int(ANSWER_SECONDS))
