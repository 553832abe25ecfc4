"""An end for whoever reads: an answer comes within eight seconds, or a refusal that says when to come again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute

from gateway.in_time import in_time
from gateway.reading.store import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response

__all__ = ["TimedRoute", "unread"]


def unread(seconds: float) -> ReadError:
    """The error of a store that did not answer within so many seconds, for `gateway.in_time`."""
    return ReadError(f"no answer within {seconds:g} s")


class TimedRoute(APIRoute):
    """A route of an API whose answers are made in time; what goes on afterwards, as a stream does, may take longer.

    Raises ReadError where they are not.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's, with an end."""
        handle = super().get_route_handler()

        async def handle_in_time(request: Request) -> Response:
            return await in_time(handle(request), refusal=unread)

        return handle_in_time
