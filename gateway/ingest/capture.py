"""The routes of PostHog's clients, which notebooks send to: events in, `{"status": 1}` out once they are durable.

A request may hold events of several students under one project key. What it holds of each becomes one record of the raw
topic (docs/adr/0024-one-record-per-student-and-request.md), and the answer waits for all of them.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from gateway.access import require_upload, secret_of
from gateway.errors import ClientGoneError
from gateway.ingest.capture_bodies import keys_in, read_events, split, take_key, unwrap
from gateway.ingest.pipeline import AT_ONCE_BYTES, SIZE_IN_OBJECTS, encoding_of, scope_of
from gateway.ingest.queries import parse_query
from gateway.ingest.unpacking import decompress
from schemas.redaction import blotted

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.ingest.bodies import Receive
    from gateway.ingest.capture_bodies import StudentRecord
    from gateway.ingest.pipeline import IngestPipeline
    from gateway.ingest.shares import Share
    from schemas.reference.directory import Token

__all__ = ["CAPTURE_PATHS", "CAPTURE_ROUTES", "Capture"]

# As clients of all ages know them; with and without the slash they are the same.
CAPTURE_ROUTES: Final = ("/batch/", "/capture/", "/e/", "/i/v0/e/")
CAPTURE_PATHS: Final = (*CAPTURE_ROUTES, *(path.rstrip("/") for path in CAPTURE_ROUTES))

_ACCEPTED: Final = b'{"status":1}'
_JSON: Final = (b"content-type", b"application/json")
_AT_ONCE: Final = 500

# The key, and a body in the query that no client of today sends.
_NOT_RECORDED: Final = frozenset({"api_key", "data"})


class Capture:
    """Authenticates, bounds, takes apart by student, and publishes events."""

    def __init__(self, pipeline: IngestPipeline) -> None:
        self._pipeline = pipeline
        self._metrics = pipeline.metrics
        self._seconds = {path: pipeline.metrics.seconds.labels(f"{path.rstrip('/')}/") for path in CAPTURE_PATHS}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """Answer one POST."""
        began = time.perf_counter()
        sent = dict(scope["headers"])
        path = scope["path"]
        extra = self._pipeline.origin_headers(sent.get(b"origin"))
        status, body = 200, _ACCEPTED
        try:
            await self._accept(scope, sent, receive)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller hears of it and it is counted
            language = sent.get(b"accept-language", b"")
            status, body, more = self._pipeline.refused(error, f"{path.rstrip('/')}/", language)
            extra = [*extra, *more]
        headers = [_JSON, (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._metrics.requests.labels(f"{path.rstrip('/')}/", status).inc()
        self._seconds[path].observe(time.perf_counter() - began)

    async def _accept(self, asgi: dict[str, Any], sent: dict[bytes, bytes], receive: Receive) -> None:
        query = parse_query(asgi["query_string"])
        pipeline = self._pipeline
        scope = scope_of(sent.get(b"academy"), query.academy)
        authorization = sent.get(b"authorization")
        secret = secret_of(
            authorization.decode("latin-1") if authorization else None, query.token or query.params.get("api_key")
        )
        token = None if secret is None else self._admitted(secret, scope)
        address = pipeline.addresses.of(asgi, sent)
        share = pipeline.enter(address, token)
        try:
            body = await self._unwrapped(receive, sent, share, query.params.get("compression"))
            size = len(body)
            await share.hold(size if size <= AT_ONCE_BYTES else size * SIZE_IN_OBJECTS)
            if token is None and size > AT_ONCE_BYTES:
                # The key is in the body, and can be found without reading it: nothing large is for whoever has none.
                keys = await pipeline.work(share, size, lambda _limit: keys_in(body), grows=False)
                pipeline.access.uploader(pipeline.access.known_of(keys))
            request, key = await pipeline.work(share, size, lambda _limit: self._read(body), grows=False)
            token = self._admitted(key, scope) if token is None else token
            shown_key = (secret or key) if token.sha256 else None
            records = await pipeline.work(share, size, lambda _limit: split(request, shown_key), grows=False)
            for record in records:
                pipeline.count(token, record.key, address, len(record.value))
            params = {name: value for name, value in query.params.items() if name not in _NOT_RECORDED}
            await self._publish(records, sent, token, scope, params)
        finally:
            share.leave()
        self._metrics.accepted_bytes.inc(size)

    async def _publish(
        self,
        records: list[StudentRecord],
        sent: dict[bytes, bytes],
        token: Token,
        scope: int | None,
        params: dict[str, str],
    ) -> None:
        """Make every student's record durable; raises ApiError 503 where one cannot be."""
        pipeline = self._pipeline
        academy = self._academy(token, scope)
        publications: list[tuple[bytes, bytes, list[tuple[str, bytes]]]] = []
        for record in records:
            user = None if token.ingest else pipeline.user_in_notebooks(record.whose)
            headers = pipeline.headers(
                sent, token, scope=scope, academy=academy, user=user, params=params, source="posthog"
            )
            publications.append((record.key, record.value, headers))
        for begin in range(0, len(publications), _AT_ONCE):
            at_once = publications[begin : begin + _AT_ONCE]
            await asyncio.gather(*(pipeline.publish(*publication) for publication in at_once))

    async def _unwrapped(
        self, receive: Receive, sent: dict[bytes, bytes], share: Share, compression: str | None
    ) -> bytes:
        raw = await self._pipeline.read(receive, sent, share)
        encoding = encoding_of(sent)
        return await self._pipeline.work(
            share, len(raw), lambda limit: unwrap(decompress(raw, encoding, limit), limit, compression), grows=True
        )

    def _read(self, body: bytes) -> tuple[dict[str, Any], str | None]:
        """The request in a body, and the key that was in it, without what no record may keep."""
        request = read_events(body, self._metrics.note_mended)
        key = take_key(request)
        return blotted(request, self._pipeline.redact), key

    def _admitted(self, secret: str | None, scope: int | None) -> Token:
        token = self._pipeline.access.uploader(secret)
        require_upload(token, scope)
        self._pipeline.limit(token)
        return token

    def _academy(self, token: Token, scope: int | None) -> int | None:
        """The scope of a request: as it says, an ingest key's own academy, else the default."""
        if scope is None and token.ingest and len(token.academies) == 1:
            return next(iter(token.academies))
        return self._pipeline.default_academy if scope is None else scope
