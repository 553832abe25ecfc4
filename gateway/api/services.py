"""What routes work with, and what all of them do alike: read a body, answer JSON."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
import structlog
from aiokafka.errors import KafkaError
from fastapi import Request, Response

from broker.rule_changes import TopicMissingError
from gateway.access import RETRY_SECONDS
from gateway.addresses import UNKNOWN
from gateway.errors import ApiError, KafkaUnavailableError
from gateway.ingest.bodies import read_body
from gateway.ingest.json_bodies import parse_json
from gateway.ingest.pipeline import AT_ONCE_BYTES
from gateway.ingest.unpacking import decompress
from schemas.errors import text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.access import Access
    from gateway.commands import Commands
    from gateway.durable.kafka import RawProducer
    from gateway.following import Views
    from gateway.ingest.shares import Shares
    from gateway.ingest.workshop import Workshop
    from gateway.metrics import Metrics
    from gateway.reading.explaining import Explain
    from gateway.reading.questions import Questions
    from gateway.reading.store import ClickHouse
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

__all__ = ["Services", "by_kafka", "json_answer", "json_body", "large_answer", "put_reference", "read_with", "seen"]

_log: Final = structlog.stdlib.get_logger("gateway")

_Done = TypeVar("_Done")

_FORCE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.01

# The account of all staff.
_STAFF: Final = "staff"


@dataclass(frozen=True, slots=True)
class Services:
    """What routes use of the gateway."""

    settings: Settings
    access: Access
    views: Views
    clickhouse: ClickHouse
    questions: Questions
    producer: RawProducer
    commands: Commands
    metrics: Metrics
    shares: Shares
    workshop: Workshop
    explain: Explain

    @property
    def reference(self) -> Reference:
        """What the reference topics say."""
        return self.views.reference

    @property
    def strict(self) -> bool:
        """Whether only what the directory knows exists."""
        return self.settings.directory == "strict"


async def json_body(request: Request, limit: int) -> Any:
    """The JSON of a request's body, None for an empty one; raises ApiError for what is too large or not JSON."""
    services: Services = request.app.state.services

    def read(body: bytes) -> Any:
        return parse_json(body, services.metrics.note_mended) if body.strip() else None

    return await read_with(request, limit, read)


async def read_with(request: Request, limit: int, read: Callable[[bytes], _Done]) -> _Done:
    """What a function, which is called in a thread, makes of a request's body, unpacked and of so many bytes at most.

    Raises ApiError for what is too large, and what the function raises.
    """
    length = request.headers.get("content-length", "")
    services: Services = request.app.state.services
    address = request.client.host if request.client else UNKNOWN
    share = services.shares.enter(address, _STAFF)
    try:
        declared = int(length) if length.isdigit() else None
        body = await read_body(request.receive, share, limit=limit, declared=declared)
        if not body:
            return read(body)
        encoding = request.headers.get("content-encoding", "").strip().lower().encode("latin-1")
        await share.hold(len(body) if len(body) <= AT_ONCE_BYTES else len(body) + limit)
        return await services.workshop.run(address, lambda: read(decompress(body, encoding, limit)))
    finally:
        share.leave()


async def by_kafka(work: Awaitable[_Done]) -> _Done:
    """What work with Kafka gives; raises ApiError 503 where Kafka does not answer it or lacks the topic."""
    try:
        return await work
    except (KafkaError, KafkaUnavailableError, OSError, TimeoutError, TopicMissingError) as error:
        _log.warning("Kafka does not do what is asked", reason=text_of(error))
        raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS) from error


async def put_reference(
    services: Services, topic: str, key: bytes, value: bytes, is_in_force: Callable[[], bool]
) -> None:
    """Write a record to a reference topic, and wait for a moment until this process's view has it.

    Raises ApiError 503 where Kafka does not take it.
    """
    await by_kafka(services.producer.put(topic, [(key, value)]))
    await seen(is_in_force)


async def seen(is_in_force: Callable[[], bool]) -> None:
    """Wait until this process's view has what was written, for a moment at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FORCE_SECONDS):
            while not is_in_force():  # noqa: ASYNC110 - the view belongs to whoever follows the topics
                await asyncio.sleep(_POLL_SECONDS)


def json_answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of JSON."""
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")


async def large_answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of JSON that may be large: written off the loop."""
    body = await asyncio.to_thread(orjson.dumps, content)
    return Response(body, status_code=status, headers=headers, media_type="application/json")
