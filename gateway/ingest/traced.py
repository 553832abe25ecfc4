"""A route that takes webhooks, of which one request in so many is traced."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from broker.tracing import logged
from schemas.wire.traces import TRACEPARENT, callers_parent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from broker.tracing import Span, Tracer

__all__ = ["SPAN", "Traced"]

# The span of the request that is being answered.
SPAN: Final[ContextVar[Span | None]] = ContextVar("span", default=None)

_HEADER: Final = TRACEPARENT.encode()


class Traced:
    """The same route, with a span around requests that are chosen; others pass straight through.

    Chance alone chooses: a caller's own trace becomes a link, whatever it asks for.
    """

    def __init__(self, post: Callable[..., Awaitable[None]], tracer: Tracer) -> None:
        self._post = post
        self._tracer = tracer

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Callable[[Any], Any]) -> None:
        """Answer one POST."""
        span = self._begin(scope) if self._tracer.chosen() else None
        if span is None:
            await self._post(scope, receive, send)
            return

        async def noting(message: Any) -> None:
            if "status" in message:
                span.note("http.response.status_code", message["status"])
            await send(message)

        before = SPAN.set(span)
        try:
            with logged(span):
                await self._post(scope, receive, noting)
        finally:
            SPAN.reset(before)
            span.end()

    def _begin(self, scope: dict[str, Any]) -> Span | None:
        caller = callers_parent(dict(scope["headers"]).get(_HEADER))
        route = scope["path"]
        return self._tracer.begin(f"POST {route}", caller, {"http.request.method": "POST", "http.route": route})
