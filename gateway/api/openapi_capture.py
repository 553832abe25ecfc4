"""The capture routes in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from gateway.api.refusals import refusals

__all__ = ["capture_operation"]

_EVENT: Final = {
    "event": "test",
    "distinct_id": "JOHN-DOE",
    "timestamp": "2026-04-15T10:30:00Z",
    "uuid": "0199a3f1-6f0c-7c1e-9d55-3f1f5a2f7a10",
    "properties": {"nb": "D3_Datetimes", "sess": "abc12345", "ex": "exercise_1", "ok": False, "try": 1, "ms": 12},
}
_BATCH: Final = {
    "batch": [
        _EVENT,
        {
            "event": "start",
            "distinct_id": "JANE-DOE",
            "timestamp": "2026-04-15T10:30:01Z",
            "uuid": "0199a3f1-6f0c-7c1e-9d55-3f1f5a2f7a11",
            "properties": {"nb": "D3_Datetimes", "sess": "def67890", "v": "1.0.0"},
        },
    ],
    "sent_at": "2026-04-15T10:30:02Z",
}
_REFUSED: Final = (
    "invalid-json",
    "invalid-capture",
    "several-keys",
    "json-too-deep",
    "too-many-values",
    "invalid-gzip",
    "authentication-required",
    "invalid-token",
    "missing-capability",
    "body-timeout",
    "body-too-large",
    "query-too-long",
    "unsupported-content-encoding",
    "too-many-requests",
    "unavailable",
    "starting",
)
_EVENT_SCHEMA: Final = {"type": "object", "required": ["event"], "not": {"required": ["batch"]}}
_LIST_SCHEMA: Final = {"type": "array", "minItems": 1}
_BATCH_SCHEMA: Final = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": _LIST_SCHEMA},
}
_ACCEPTED_SCHEMA: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "integer", "enum": [1]}},
}


def capture_operation(path: str) -> dict[str, Any]:
    """What a POST to a capture route takes and answers."""
    answers = {str(status): _described(answer) for status, answer in refusals(*_REFUSED).items()}
    return {
        "tags": ["notebooks"],
        "summary": "Send events as PostHog's clients do",
        "operationId": "capture" + path.rstrip("/").replace("/", "_"),
        "description": (
            "Answers once all events are in Kafka or on disk. The project key is an ingest key, as `api_key` or "
            "`token` in the body or in its events; the `Authorization` header and `?token=` work as well. The body may "
            "be gzip (with or without `Content-Encoding`), base64, or a form with base64 under `data`, and the slash "
            "at the end of the address may be left out. Of events with the same `uuid` the first counts."
        ),
        "security": [{"token": []}, {"tokenParameter": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_BATCH_SCHEMA, _EVENT_SCHEMA, _LIST_SCHEMA]},
                    "examples": {
                        "batch": {"summary": "Events of one or several students", "value": _BATCH},
                        "event": {"summary": "One event", "value": _EVENT},
                    },
                }
            },
        },
        "responses": {
            "200": {
                "description": "All events are durable.",
                "content": {"application/json": {"schema": _ACCEPTED_SCHEMA, "example": {"status": 1}}},
            },
            **answers,
        },
    }


def _described(response: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Refusal"}, **response["content"]["application/json"]}
    return {"description": response["description"], "content": {"application/json": content}}
