"""The ingest route: a webhook in, `ok` out once it is durable.

A plain ASGI application, because this is where the load is; everything else is FastAPI's.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from gateway.access import RETRY_SECONDS, academy_id, require_upload, secret_of
from gateway.bodies import decompress, parse_object, read_body
from gateway.errors import ApiError, ClientGoneError, UnavailableError
from gateway.publishing import RawRecord
from gateway.queries import MAX_QUERY_BYTES, parse_query
from schemas.headers import RawHeaders, encode_headers
from schemas.webhook import academy_of, merge, student_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.access import Access
    from gateway.bodies import Receive
    from gateway.publishing import Publisher
    from gateway.rates import RateLimiter
    from schemas.directory import Token

__all__ = ["INGEST_PATHS", "Ingest"]

# The second is where the IDE posts what it has just posted to the first; the body tells that it is the same.
INGEST_PATHS: Final = ("/v1/assignment/me/telemetry", "/v1/learnpack/telemetry")

NOTHING_SENT: Final = b"this request couldn't no be processed"

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_JSON: Final = (b"content-type", b"application/json")
_MAX_KEY: Final = 255
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]+")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Ingest:
    """Authenticates, bounds, parses once, and publishes webhooks."""

    def __init__(
        self,
        *,
        access: Access,
        limiter: RateLimiter,
        publisher: Publisher,
        max_body_bytes: int,
        default_academy: int | None,
        origin_headers: Callable[[bytes | None], list[tuple[bytes, bytes]]],
    ) -> None:
        self._access = access
        self._limiter = limiter
        self._publisher = publisher
        self._max_body_bytes = max_body_bytes
        self._default_academy = default_academy
        self._origin_headers = origin_headers

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """Answer one POST."""
        sent = dict(scope["headers"])
        extra = self._origin_headers(sent.get(b"origin"))
        try:
            status, body, kind = await self._accept(scope["query_string"], sent, receive)
        except ApiError as error:
            status, kind = error.status, _JSON
            body = error.body(sent.get(b"accept-language", b"").decode("latin-1"))
            extra = [*extra, *((name.lower().encode(), value.encode()) for name, value in error.headers.items())]
        except ClientGoneError:
            return
        headers = [kind, (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _accept(
        self, query_string: bytes, sent: dict[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, tuple[bytes, bytes]]:
        if len(query_string) > MAX_QUERY_BYTES:
            raise ApiError("query-too-long", limit=MAX_QUERY_BYTES)
        query = parse_query(query_string)
        authorization = sent.get(b"authorization")
        token = self._access.uploader(
            secret_of(authorization.decode("latin-1") if authorization else None, query.token)
        )
        scope = academy_id(sent.get(b"academy", b"").decode("latin-1")) or academy_id(query.academy)
        require_upload(token, scope)
        self._limit(token)
        idempotency_key = _printable(sent, b"idempotency-key")
        body = await self._body(sent, receive)
        if not body and not query.params:
            return 400, NOTHING_SENT, _TEXT
        payload = merge(parse_object(body) if body else {}, query.params)
        principal = None if token.user_id is None else str(token.user_id)
        headers = RawHeaders(
            params=query.params or None,
            academy=self._academy(scope, token, payload),
            principal=principal,
            capabilities=tuple(sorted(token.capabilities(scope))),
            receipt=str(uuid.uuid4()),
            idempotency_key=idempotency_key,
            traceparent=_traceparent(sent),
        )
        key = student_key(payload, principal)
        try:
            await self._publisher.publish(RawRecord(key, body, encode_headers(headers), time.time_ns() // 1_000_000))
        except UnavailableError as error:
            raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS) from error
        return 200, b"ok", _TEXT

    def _limit(self, token: Token) -> None:
        wait = self._limiter.take(token.sha256, time.monotonic())
        if wait:
            raise ApiError(
                "too-many-requests", {"Retry-After": str(wait)}, limit=self._limiter.per_minute, seconds=wait
            )

    async def _body(self, sent: dict[bytes, bytes], receive: Receive) -> bytes:
        length = sent.get(b"content-length", b"")
        limit = self._max_body_bytes
        body = await read_body(receive, limit=limit, declared=int(length) if length.isdigit() else None)
        body = decompress(body, sent.get(b"content-encoding", b"").strip().lower(), limit)
        return b"" if body.isspace() else body

    def _academy(self, named: int | None, token: Token, payload: dict[str, Any]) -> int | None:
        if named is not None:
            return named
        if token.ingest and len(token.academies) == 1:
            return next(iter(token.academies))
        return self._default_academy if academy_of(None, payload) is None else None


def _traceparent(sent: dict[bytes, bytes]) -> str | None:
    value = sent.get(b"traceparent", b"").decode("latin-1")
    return value if _TRACEPARENT.fullmatch(value) else None


def _printable(sent: dict[bytes, bytes], name: bytes) -> str | None:
    value = sent.get(name)
    if not value:
        return None
    if len(value) > _MAX_KEY or not _PRINTABLE.fullmatch(value):
        raise ApiError("invalid-header", header=name.decode(), limit=_MAX_KEY)
    return value.decode()
