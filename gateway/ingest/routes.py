"""The ingest route: a webhook in, `ok` out once it is durable.

A plain ASGI application, because this is where the load is; everything else is FastAPI's.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.access import require_upload, secret_of
from gateway.errors import ApiError, ClientGoneError
from gateway.ingest.json_bodies import AT_A_GLANCE_BYTES, glance, glance_at_once, parse_json
from gateway.ingest.pipeline import AT_ONCE_BYTES, SIZE_IN_OBJECTS, encoding_of, scope_of
from gateway.ingest.queries import parse_query
from gateway.ingest.record_headers import principal_of
from gateway.ingest.unpacking import decompress
from schemas.redaction import blotted
from schemas.wire.webhook import academy_of, merge, normal_user_id, student_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.ingest.bodies import Receive
    from gateway.ingest.json_bodies import Glance
    from gateway.ingest.pipeline import IngestPipeline
    from gateway.ingest.shares import Share
    from schemas.reference.directory import Token

__all__ = ["INGEST_PATHS", "Ingest"]

# The second is where the IDE posts what it has just posted to the first; the body tells that it is the same.
INGEST_PATHS: Final = ("/v1/assignment/me/telemetry", "/v1/learnpack/telemetry")

NOTHING_SENT: Final = b"this request couldn't no be processed"

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_JSON: Final = (b"content-type", b"application/json")
_OK: Final = 200
_MAX_KEY: Final = 255
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]+")


class Ingest:
    """Authenticates, bounds, parses once, and publishes webhooks."""

    def __init__(self, pipeline: IngestPipeline) -> None:
        self._pipeline = pipeline
        self._metrics = pipeline.metrics
        self._seconds = pipeline.metrics.seconds.labels(INGEST_PATHS[0])
        self._taken = pipeline.metrics.requests.labels(INGEST_PATHS[0], _OK)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[[Any], Any]) -> None:
        """Answer one POST."""
        began = time.perf_counter()
        sent = dict(scope["headers"])
        extra = self._pipeline.origin_headers(sent.get(b"origin"))
        status, body, kind = _OK, b"ok", _TEXT
        try:
            if not await self._accept(scope, sent, receive):
                status, body = 400, NOTHING_SENT
                self._metrics.refused.labels("nothing-sent").inc()
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller hears of it and it is counted
            status, body, more = self._pipeline.refused(error, INGEST_PATHS[0], sent.get(b"accept-language", b""))
            kind, extra = _JSON, [*extra, *more]
        headers = [kind, (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        (self._taken if status == _OK else self._metrics.requests.labels(INGEST_PATHS[0], status)).inc()
        self._seconds.observe(time.perf_counter() - began)

    async def _accept(self, asgi: dict[str, Any], sent: dict[bytes, bytes], receive: Receive) -> bool:
        """Publish what a request says; False if it says nothing."""
        query = parse_query(asgi["query_string"])
        authorization = sent.get(b"authorization")
        pipeline = self._pipeline
        token = pipeline.access.uploader(
            secret_of(authorization.decode("latin-1") if authorization else None, query.token)
        )
        scope = scope_of(sent.get(b"academy"), query.academy)
        require_upload(token, scope)
        pipeline.limit(token)
        idempotency_key = _printable(sent, b"idempotency-key")
        address = pipeline.addresses.of(asgi, sent)
        share = pipeline.enter(address, token)
        try:
            body, fields, blank = await self._read(receive, sent, share)
            await share.hold(len(body))
            if blank and not query.params:
                return False
            named = merge(fields, query.params)
            if pipeline.redact and not blank:
                body = await self._blotted(body, share)
                if body == b"{}" and not query.params:
                    return False
            headers = pipeline.headers(
                sent,
                token,
                scope=scope,
                academy=scope if scope is not None else self._unnamed_academy(token, named),
                user=normal_user_id(named.get("user_id")),
                params=query.params,
                idempotency_key=idempotency_key,
            )
            key = student_key(named, principal_of(token))
            pipeline.count(token, key, address, len(body))
            await pipeline.publish(key, body, headers)
        finally:
            share.leave()
        self._metrics.accepted_bytes.inc(len(body))
        return True

    async def _read(self, receive: Receive, sent: dict[bytes, bytes], share: Share) -> Glance:
        raw = await self._pipeline.read(receive, sent, share)
        encoding = encoding_of(sent)
        if not encoding and AT_ONCE_BYTES < len(raw) <= AT_A_GLANCE_BYTES:
            seen = glance_at_once(raw, self._metrics.note_mended)
            if seen is not None:
                return seen
        return await self._pipeline.work(
            share,
            len(raw),
            lambda limit: glance(decompress(raw, encoding, limit), self._metrics.note_mended),
            grows=encoding != b"",
        )

    async def _blotted(self, body: bytes, share: Share) -> bytes:
        """The body without what no record may keep; raises ApiError 413 where it is too much to take apart."""
        size = len(body)
        if size > AT_ONCE_BYTES:
            await share.hold(size * SIZE_IN_OBJECTS)

        def rewrite(_limit: int) -> bytes:
            parsed = parse_json(body, lambda _kind: None)
            kept = blotted(parsed, self._pipeline.redact)
            return body if kept == parsed else orjson.dumps(kept)

        kept = await self._pipeline.work(share, size, rewrite, grows=False)
        await share.hold(len(kept))
        return kept

    def _unnamed_academy(self, token: Token, named: dict[str, Any]) -> int | None:
        """The scope of a request that names none: an ingest key's own academy, the document's, the default."""
        if token.ingest and len(token.academies) == 1:
            return next(iter(token.academies))
        return self._pipeline.default_academy if academy_of(None, named) is None else None


def _printable(sent: dict[bytes, bytes], name: bytes) -> str | None:
    value = sent.get(name)
    if not value:
        return None
    if len(value) > _MAX_KEY or not _PRINTABLE.fullmatch(value):
        raise ApiError("invalid-header", header=name.decode(), limit=_MAX_KEY)
    return value.decode()
