"""What operators' pages ask of a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gateway.access import RETRY_SECONDS
from gateway.errors import ApiError, KafkaUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["told_by_kafka"]

_Told = TypeVar("_Told")


async def told_by_kafka(work: Awaitable[_Told]) -> _Told:
    """What a command of operators gives; raises ApiError 503 where Kafka does not answer."""
    try:
        return await work
    except KafkaUnavailableError as error:
        raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS) from error
