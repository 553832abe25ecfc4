"""The ingest route: a webhook in, `ok` out once it is durable.

A plain ASGI application, because this is where the load is; everything else is FastAPI's.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from gateway.access import RETRY_SECONDS, academy_id, require_upload, secret_of
from gateway.bodies import decompress, parse_object, read_body
from gateway.errors import ApiError, ClientGoneError, UnavailableError
from gateway.publishing import RawRecord
from gateway.queries import MAX_QUERY_BYTES, parse_query
from gateway.receipts import Receipts
from schemas.headers import RawHeaders, encode_headers
from schemas.webhook import academy_of, merge, student_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.access import Access
    from gateway.bodies import Receive
    from gateway.metrics import Metrics
    from gateway.publishing import Publisher
    from gateway.rates import RateLimiter
    from schemas.directory import Token

__all__ = ["INGEST_PATHS", "Ingest"]

# The second is where the IDE posts what it has just posted to the first; the body tells that it is the same.
INGEST_PATHS: Final = ("/v1/assignment/me/telemetry", "/v1/learnpack/telemetry")

NOTHING_SENT: Final = b"this request couldn't no be processed"

# Requests under way may hold this many bodies of the largest size, or ever so many small ones.
_BODIES_HELD: Final = 64

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_JSON: Final = (b"content-type", b"application/json")
_MAX_KEY: Final = 255
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]+")
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Ingest:
    """Authenticates, bounds, parses once, and publishes webhooks."""

    def __init__(
        self,
        *,
        access: Access,
        limiter: RateLimiter,
        publisher: Publisher,
        metrics: Metrics,
        max_body_bytes: int,
        default_academy: int | None,
        origin_headers: Callable[[bytes | None], list[tuple[bytes, bytes]]],
    ) -> None:
        self._access = access
        self._limiter = limiter
        self._publisher = publisher
        self._metrics = metrics
        self._seconds = metrics.seconds.labels(INGEST_PATHS[0])
        self._max_body_bytes = max_body_bytes
        self._default_academy = default_academy
        self._origin_headers = origin_headers
        self._receipts = Receipts()
        self._held = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """Answer one POST."""
        began = time.perf_counter()
        sent = dict(scope["headers"])
        extra = self._origin_headers(sent.get(b"origin"))
        status, body, kind = 200, b"ok", _TEXT
        try:
            if not await self._accept(scope["query_string"], sent, receive):
                status, body = 400, NOTHING_SENT
        except ApiError as error:
            status, kind = error.status, _JSON
            body = error.body(sent.get(b"accept-language", b"").decode("latin-1"))
            extra = [*extra, *((name.lower().encode(), value.encode()) for name, value in error.headers.items())]
        except ClientGoneError:
            return
        headers = [kind, (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._metrics.requests.labels(INGEST_PATHS[0], status).inc()
        self._seconds.observe(time.perf_counter() - began)

    async def _accept(self, query_string: bytes, sent: dict[bytes, bytes], receive: Receive) -> bool:
        """Publish what a request says; False if it says nothing."""
        if len(query_string) > MAX_QUERY_BYTES:
            raise ApiError("query-too-long", limit=MAX_QUERY_BYTES)
        query = parse_query(query_string)
        authorization = sent.get(b"authorization")
        token = self._access.uploader(
            secret_of(authorization.decode("latin-1") if authorization else None, query.token)
        )
        scope = _scope(sent.get(b"academy"), query.academy)
        require_upload(token, scope)
        self._limit(token)
        idempotency_key = _printable(sent, b"idempotency-key")
        length = sent.get(b"content-length", b"")
        declared = int(length) if length.isdigit() else None
        room = self._take_room(declared)
        try:
            body = await read_body(receive, limit=self._max_body_bytes, declared=declared)
            if encoding := sent.get(b"content-encoding"):
                body = decompress(body, encoding.strip().lower(), self._max_body_bytes)
            if body.isspace():
                body = b""
            payload = merge(parse_object(body) if body else {}, query.params)
            if not payload:
                return False
            principal = None if token.user_id is None else str(token.user_id)
            traceparent = sent.get(b"traceparent")
            headers = RawHeaders(
                params=query.params or None,
                academy=scope if scope is not None else self._unnamed_academy(token, payload),
                principal=principal,
                capabilities=_sorted(_capabilities(token, scope)),
                receipt=self._receipts.next(),
                idempotency_key=idempotency_key,
                traceparent=traceparent.decode() if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
            )
            key = student_key(payload, principal)
            del payload
            await self._publisher.publish(RawRecord(key, body, encode_headers(headers), time.time_ns() // 1_000_000))
        except UnavailableError as error:
            raise _unavailable() from error
        finally:
            self._held -= room
        self._metrics.accepted_bytes.inc(len(body))
        return True

    def _limit(self, token: Token) -> None:
        wait = self._limiter.take(token.sha256, time.monotonic())
        if wait:
            raise ApiError(
                "too-many-requests", {"Retry-After": str(wait)}, limit=self._limiter.per_minute, seconds=wait
            )

    def _take_room(self, declared: int | None) -> int:
        """Count a body against what all requests under way may hold; the bytes to give back."""
        room = min(self._max_body_bytes if declared is None else declared, self._max_body_bytes)
        if self._held + room > _BODIES_HELD * self._max_body_bytes:
            raise _unavailable()
        self._held += room
        return room

    def _unnamed_academy(self, token: Token, payload: dict[str, Any]) -> int | None:
        """The scope of a request that names none: an ingest key's own academy, the document's, the default."""
        if token.ingest and len(token.academies) == 1:
            return next(iter(token.academies))
        return self._default_academy if academy_of(None, payload) is None else None


def _unavailable() -> ApiError:
    return ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)


def _scope(header: bytes | None, parameter: str | None) -> int | None:
    if header is None and parameter is None:
        return None
    scope = academy_id(header.decode("latin-1")) if header else None
    return academy_id(parameter) if scope is None else scope


def _capabilities(token: Token, academy: int | None) -> frozenset[str]:
    if academy is None and len(token.academies) == 1:
        return next(iter(token.academies.values()))
    return token.capabilities(academy)


@lru_cache(maxsize=1024)
def _sorted(capabilities: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(capabilities))


def _printable(sent: dict[bytes, bytes], name: bytes) -> str | None:
    value = sent.get(name)
    if not value:
        return None
    if len(value) > _MAX_KEY or not _PRINTABLE.fullmatch(value):
        raise ApiError("invalid-header", header=name.decode(), limit=_MAX_KEY)
    return value.decode()
