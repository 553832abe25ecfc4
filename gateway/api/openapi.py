"""The OpenAPI document: FastAPI's, with the routes that take webhooks, which are not FastAPI's, added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from gateway.api.openapi_capture import capture_operation
from gateway.api.refusals import refusals

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["DESCRIPTION", "describe"]

DESCRIPTION: Final = (
    "Takes LearnPack's webhooks and answers the IDE, staff and the LMS. "
    "Send a token as `Authorization: Token <token>` (or `Bearer`), or as `?token=` where only a URL can be given."
)

_EVENT: Final = {
    "slug": "01-hello-world",
    "telemetry_id": "6d4a0c9e-0b0f-4b67-9c2e-0a4f6f3f9b11",
    "user_id": 1234,
    "step_position": 1,
    "event": "compile",
    "data": {"exit_code": 0, "starting_at": 1734600000000, "ended_at": "2024-12-19T15:17:49.242Z"},
}
_BATCH: Final = {
    "telemetry_id": "6d4a0c9e-0b0f-4b67-9c2e-0a4f6f3f9b11",
    "user_id": 1234,
    "slug": "javascript-arrays-intro",
    "agent": "cloud",
    "tutorial_started_at": 1734600000000,
    "last_interaction_at": 1734603600000,
    "steps": [],
    "workout_session": [{"started_at": 1734600000000}],
}
_REFUSED: Final = (
    "invalid-json",
    "json-too-deep",
    "too-many-values",
    "invalid-body",
    "invalid-gzip",
    "invalid-header",
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

# Parameters that have to be there, though their lack is refused with a slug of its own and not by FastAPI.
_REQUIRED: Final = (("/v1/assignment/academy/learnpack/webhook", "delete", "status"),)


def describe(api: FastAPI, ingest_paths: tuple[str, ...], capture_routes: tuple[str, ...]) -> None:
    """Make the API serve a document that holds the ingest and capture routes at these paths as well."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = get_openapi(title=api.title, version=api.version, description=DESCRIPTION, routes=api.routes)
            for path in ingest_paths:
                schema["paths"].setdefault(path, {})["post"] = _operation(path)
            for path in capture_routes:
                schema["paths"].setdefault(path, {})["post"] = capture_operation(path)
            for path, method, name in _REQUIRED:
                for parameter in schema["paths"][path][method]["parameters"]:
                    parameter["required"] = parameter["required"] or parameter["name"] == name
            _forget_validation(schema)
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]


def _forget_validation(schema: dict[str, Any]) -> None:
    """FastAPI announces 422 on every route with parameters; none here is of a type that could be refused."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _operation(path: str) -> dict[str, Any]:
    schema = {"type": "object", "description": "With the query parameters, it must say something."}
    examples = {
        "batch": {"summary": "A whole document", "value": _BATCH},
        "event": {"summary": "A streamed event", "value": _EVENT},
    }
    content = {"schema": schema, "examples": examples}
    return {
        "tags": ["LearnPack"],
        "summary": "Send a batch or a streamed event",
        "operationId": "send" + path.replace("/", "_"),
        "description": (
            "Answers once the webhook is in Kafka or on disk. Query parameters such as `?asset_id=1,2,3` replace the "
            "body's fields (`token` and `academy` do not). The body may be gzip, and is read as JSON whatever content "
            "type it has. Without an academy, the document's own `academy_id` counts."
        ),
        "security": [{"token": []}, {"tokenParameter": []}],
        "parameters": [
            _header("Academy", "The academy's id.", "1"),
            _header("Idempotency-Key", "A webhook with the key of an earlier one is taken once.", "f4a1"),
        ],
        "requestBody": {"content": {"application/json": content}},
        "responses": {
            "200": {"description": "It is durable.", "content": _text("ok")},
            **{str(status): _described(response) for status, response in refusals(*_REFUSED).items()},
        },
    }


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}, "example": example}


def _text(example: str) -> dict[str, Any]:
    return {"text/plain": {"schema": {"type": "string"}, "example": example}}


def _described(response: dict[str, Any]) -> dict[str, Any]:
    content = response["content"]["application/json"]
    described: dict[str, Any] = {
        "description": response["description"],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}, **content}},
    }
    if "`invalid-json`" in response["description"]:
        described["content"].update(_text("this request couldn't no be processed"))
    return described
