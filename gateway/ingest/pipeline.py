"""What the routes that take webhooks have in common: the rates of tokens, room for bodies, headers, and the way on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from gateway.access import RETRY_SECONDS, academy_id
from gateway.durable.publishing import RawRecord
from gateway.errors import ApiError, UnavailableError
from gateway.ingest.bodies import read_body
from gateway.ingest.receipts import Receipts
from gateway.ingest.record_headers import Standings
from gateway.ingest.traced import SPAN
from schemas.coercion import digits_as_id
from schemas.redaction import blotted_params
from schemas.reference.tenancy import may_write
from schemas.wire.headers import encode_own_headers
from schemas.wire.traces import TRACEPARENT, callers_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.access import Access
    from gateway.addresses import Addresses
    from gateway.durable.publishing import Publisher
    from gateway.following import Views
    from gateway.ingest.bodies import Receive
    from gateway.ingest.buckets import Refusal
    from gateway.ingest.rates import Rates
    from gateway.ingest.shares import Share, Shares
    from gateway.ingest.workshop import Workshop
    from gateway.metrics import Metrics
    from schemas.reference.directory import Token
    from schemas.wire.headers import Source

__all__ = ["AT_ONCE_BYTES", "SIZE_IN_OBJECTS", "IngestPipeline", "encoding_of", "scope_of"]

_Result = TypeVar("_Result")

# A millisecond's work on the loop; what is larger costs a thread's turn.
AT_ONCE_BYTES: Final = 32 << 10

# About, of a body that is taken apart.
SIZE_IN_OBJECTS: Final = 8

_log: Final = structlog.stdlib.get_logger("gateway")

_TRACEPARENT: Final = TRACEPARENT.encode()


class IngestPipeline:
    """Bounds what comes in and publishes it; one for all routes, whose bodies share its room.

    `origin_headers` are those of an answer to a page of another origin, `redact` the keys that no record keeps.
    """

    def __init__(
        self,
        *,
        access: Access,
        addresses: Addresses,
        rates: Rates,
        publisher: Publisher,
        views: Views,
        shares: Shares,
        workshop: Workshop,
        metrics: Metrics,
        max_body_bytes: int,
        default_academy: int | None,
        origin_headers: Callable[[bytes | None], list[tuple[bytes, bytes]]],
        redact: frozenset[str] = frozenset(),
    ) -> None:
        self.access = access
        self.addresses = addresses
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes
        self.default_academy = default_academy
        self.origin_headers = origin_headers
        self.redact = redact
        self._rates = rates
        self._publisher = publisher
        self._views = views
        self._workshop = workshop
        self._receipts = Receipts()
        self._standings = Standings()
        self._shares = shares

    def limit(self, token: Token) -> None:
        """Count a request of a personal token, before its body is read; raises ApiError 429 where it sends too many.

        Under an ingest key nobody is counted before it is known which student it is (`count`).
        """
        if not token.ingest:
            self._refuse(self._rates.of_token(token, time.monotonic()), token)

    def count(self, token: Token, student: bytes, address: str, size: int) -> None:
        """Count a webhook of a student, of this many bytes; raises ApiError 429 where there are too many.

        `student` is the key of its record.
        """
        if token.ingest:
            self._refuse(self._rates.of_student(token, student, address, size, time.monotonic()), token)
        else:
            self._rates.add_bytes(token, size)

    def enter(self, address: str, token: Token | None) -> Share:
        """Where to count what a request holds, until it leaves; of a request without a token None."""
        return self._shares.enter(address, None if token is None else token.sha256)

    async def read(self, receive: Receive, sent: Mapping[bytes, bytes], share: Share) -> bytes:
        """A body as it was sent; raises ApiError and ClientGoneError."""
        length = sent.get(b"content-length", b"")
        # Of a body in chunks it says nothing.
        declared = int(length) if length.isdigit() and b"transfer-encoding" not in sent else None
        return await read_body(receive, share, limit=self.max_body_bytes, declared=declared)

    async def work(self, share: Share, size: int, work: Callable[[int], _Result], *, grows: bool) -> _Result:
        """What `work` makes of a body of this size: it is told how large the body may become, and raises ApiError.

        What is small, and stays so, is done at once; all else off the loop, by turns of the addresses. Where the body
        may grow, there is room for it first; who calls says afterwards what is left of it (`Share.hold`).
        """
        if size <= AT_ONCE_BYTES:
            try:
                return work(min(AT_ONCE_BYTES, self.max_body_bytes))
            except ApiError as error:
                if error.slug != "body-too-large" or self.max_body_bytes <= AT_ONCE_BYTES:
                    raise
        if grows:
            await share.hold(size + self.max_body_bytes)
        return await self._workshop.run(share.address, lambda: work(self.max_body_bytes))

    def headers(
        self,
        sent: Mapping[bytes, bytes],
        token: Token,
        *,
        scope: int | None,
        academy: int | None,
        user: str | None,
        params: dict[str, str],
        source: Source = "learnpack",
        idempotency_key: str | None = None,
    ) -> list[tuple[str, bytes]]:
        """What stands beside a body of this token, of a user if it names one, written for its record.

        `scope` is the academy that the request named, `academy` its own.
        """
        standing = self._standings.of(token, scope, academy, source)
        permitted = None
        if user is not None and self._views.complete:
            permitted = may_write(standing.headers, user, self._views.reference)
        span = SPAN.get()
        own = encode_own_headers(
            params=blotted_params(params, self.redact) if self.redact else params,
            permitted=permitted,
            receipt=self._receipts.next(),
            idempotency_key=idempotency_key,
            traceparent=callers_parent(sent.get(_TRACEPARENT)) if span is None else span.traceparent,
        )
        return standing.encoded + own

    def user_in_notebooks(self, whose: str | None) -> str | None:
        """The user id of a notebook's student: the directory's for its name, else what it is itself, if that is one."""
        linked = None if whose is None or not self._views.complete else self._views.reference.user_named(whose)
        user = whose if linked is None else str(linked)
        return user if digits_as_id(user) is not None else None

    async def publish(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Return when a record is durable; raises ApiError 503 where nothing can make it so."""
        try:
            place = await self._publisher.publish(RawRecord(key, value, headers, time.time_ns() // 1_000_000))
        except UnavailableError as error:
            raise _unavailable() from error
        if (span := SPAN.get()) is not None:
            span.note(*(("telemetry.spooled", "true") if place is None else ("telemetry.webhook_id", place)))

    def refused(self, error: Exception, route: str, language: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """Status, body and headers of the answer where an error came up, which is counted.

        What is no answer itself is a fault of ours: 500, and logged. The error is not returned: a caller's frame that
        held it would be a cycle around all that the request made.
        """
        if isinstance(error, ApiError):
            refusal = error
        else:
            _log.error("a request failed", route=route, exc_info=error)
            refusal = ApiError("internal-error")
        self.metrics.refused.labels(refusal.slug).inc()
        extra = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
        return refusal.status, refusal.body(language.decode("latin-1")), extra

    def _refuse(self, refusal: Refusal | None, token: Token) -> None:
        """Raise ApiError 429 if there is a refusal, and count whose allowance is used up."""
        if refusal is None:
            return
        self.metrics.limited.labels("token" if not token.ingest else self._rates.whose(refusal)).inc()
        headers = {"Retry-After": str(refusal.seconds)}
        if refusal.of_bytes:
            raise ApiError("too-many-requests.bytes", headers, limit=refusal.allowance.size, seconds=refusal.seconds)
        raise ApiError("too-many-requests", headers, limit=refusal.allowance.requests, seconds=refusal.seconds)


def encoding_of(sent: Mapping[bytes, bytes]) -> bytes:
    """The Content-Encoding of a request, empty for none."""
    return sent.get(b"content-encoding", b"").strip().lower()


def scope_of(header: bytes | None, parameter: str | None) -> int | None:
    """The academy that a request names in its header, else in its query; None where neither says anything.

    Raises ApiError 400 for what is not digits: such a webhook would be in no academy, where nobody looks for it.
    """
    named = (header.decode("latin-1") if header else "").strip() or (parameter or "").strip()
    if not named:
        return None
    scope = academy_id(named)
    if scope is None:
        raise ApiError("invalid-academy-id")
    return scope


def _unavailable() -> ApiError:
    return ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)
