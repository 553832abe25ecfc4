"""One record of the raw topic, read: what every decision about it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from schemas.lenient import mend
from schemas.wire.headers import HeaderError, RawHeaders, decode_headers
from schemas.wire.names import name_of
from schemas.wire.notebook import distinct_id, distinct_key, events_of, notebook_of
from schemas.wire.webhook import (
    academy_of,
    actor,
    event,
    is_streaming,
    learnpack_package_id,
    log_place,
    merge,
    normal_user_id,
    package_slug,
    student_key,
    webhook_id,
)
from streams.core.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Record", "Webhook", "read"]


@dataclass(slots=True)
class Record:
    """A record of the raw topic; `timestamp` (milliseconds) is its arrival."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class Webhook:
    """A raw record with its merged payload and what follows from that alone.

    `version` orders what it writes: its place in the log, which for a dead letter sent again is another one than its
    id, so that it replaces what the first try wrote. `value` is the body as JSON text. `actor` is whose it is (None:
    nobody's), `user` the reported user id, normalised, `student` the key that its partition and its redelivery memory
    go by, `academy` its scope, `named` the distinct id of a notebook's student as it was sent,
    `params` the header of that name as it came, `telemetry_id` the payload's as text, empty without one.
    """

    id: int
    version: int
    headers: RawHeaders
    value: bytes
    payload: dict[str, Any]
    arrival: int
    student: bytes
    actor: str | None
    user: str | None
    academy: int | None
    is_streaming: bool
    event: str
    package_slug: str | None
    package_id: int | None
    telemetry_id: str
    named: str | None = None
    params: bytes = b""


def read(record: Record) -> Webhook:
    """Read a record; raises Undecodable where it is no webhook."""
    try:
        headers = decode_headers(record.headers)
    except HeaderError as error:
        stage = "headers"
        raise Undecodable(stage, str(error)) from error
    value = record.value or b""
    stage = "decode"
    body: Any = {}
    if value:
        try:
            value, body = _json(value)
        except ValueError as error:
            raise Undecodable(stage, f"the value is not JSON: {error}") from error
        if type(body) is not dict:
            raise Undecodable(stage, "the value is not a JSON object")
    if headers.source == "posthog" and body:
        return _of_notebooks(record, headers, value, body)
    payload = merge(body, headers.params)
    if not payload:
        raise Undecodable(stage, "nothing in body and parameters")
    user = normal_user_id(payload.get("user_id"))
    whose = user or actor(payload, headers.principal)
    identity = webhook_id(record.partition, record.offset, headers)
    return Webhook(
        id=identity,
        version=log_place(record.partition, record.offset, headers),
        headers=headers,
        value=value,
        payload=payload,
        arrival=record.timestamp,
        student=student_key(payload, headers.principal) if whose is None else whose.encode("utf-8", "replace"),
        actor=whose,
        user=user,
        academy=academy_of(headers.academy, payload),
        is_streaming=is_streaming(payload),
        event=event(payload),
        package_slug=package_slug(payload),
        package_id=learnpack_package_id(payload),
        telemetry_id=_telemetry_id(payload),
        params=next((value for name, value in record.headers if name == "params"), b""),
    )


def _telemetry_id(payload: dict[str, Any]) -> str:
    value = payload.get("telemetry_id")
    return name_of(value) if type(value) is str else str(value) if type(value) is int else ""


def _json(value: bytes) -> tuple[bytes, Any]:
    """A text that is JSON, mended where it has to be, and its value; what is stored of a body must be JSON, too."""
    try:
        return value, orjson.loads(value)
    except orjson.JSONDecodeError:
        mended = mend(value).text
        return mended, orjson.loads(mended)


def _of_notebooks(record: Record, headers: RawHeaders, value: bytes, body: dict[str, Any]) -> Webhook:
    """What a request of PostHog's clients has of one student: whose its events are; parameters say nothing of it."""
    events = events_of(body)
    whose = next((named for item in events if (named := distinct_id(item)) is not None), None)
    return Webhook(
        id=webhook_id(record.partition, record.offset, headers),
        version=log_place(record.partition, record.offset, headers),
        headers=headers,
        value=value,
        payload=body,
        arrival=record.timestamp,
        student=distinct_key(whose) if whose is None else whose.encode("utf-8", "replace"),
        actor=whose,
        user=None,
        academy=headers.academy,
        is_streaming=is_streaming(body),
        event=event(body),
        package_slug=next((slug for item in events if (slug := notebook_of(item))), None),
        package_id=None,
        telemetry_id=_telemetry_id(body),
        named=whose,
    )
