"""Leaving named keys out of what clients and staff send, at any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.lenient import loads

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "NEEDED",
    "blotted",
    "blotted_body",
    "blotted_params",
    "redacted",
    "redacted_body",
    "redacted_headers",
]

# What facts, scores and verdicts are computed from: without it a webhook of the raw topic would mean something else.
NEEDED: Final = frozenset(
    # Whose it is, of which tutorial, and what it is about.
    {"user_id", "telemetry_id", "academy_id", "event", "data", "slug", "package_slug", "package_id", "asset_id"}
    | {"asset_ids", "package", "id", "config", "deployment_url", "custom_deployment_url", "manifest"}
    # What has happened.
    | {"tutorial_started_at", "last_interaction_at", "workout_session", "steps", "step_position", "stepPosition"}
    | {"position", "opened_at", "completed_at", "is_testeable", "is_completed", "testeable_elements", "type", "hash"}
    | {"compilations", "tests", "ai_interactions", "quiz_submissions", "started_at", "starting_at", "ended_at"}
    | {"ending_at", "exit_code", "status", "quiz_hash"}
    # The same of notebooks.
    | {"batch", "properties", "distinct_id", "$distinct_id", "uuid", "timestamp", "offset", "sent_at", "sentAt", "_"}
    | {"$ignore_sent_at", "nb", "sess", "cell_id", "cell", "ex", "exercise", "exercise_name", "ok", "passed"}
    | {"succeeded", "ms", "duration_ms", "try", "attempt", "error_type", "err_type"}
)

# Facts tell how long these are.
_SIZED: Final = frozenset(
    {"source_code", "stdout", "stderr", "student_message", "ai_response", "code", "code_preview"}
    | {"files", "selections"}
)


def redacted(value: Any, keys: frozenset[str]) -> Any:
    """A copy of a JSON value without the named keys; the value itself where none is named."""
    return _copy(value, keys, frozenset()) if keys else value


def blotted(value: Any, keys: frozenset[str]) -> Any:
    """A copy of a JSON value as raw keeps it: without the named keys, but of what facts tell the size of as long.

    Such a text is one of asterisks, such a list one of zeros; neither takes more bytes than what it stands for. The
    value itself where no key is named.
    """
    return _copy(value, keys, _SIZED) if keys else value


def redacted_body(body: bytes | None, keys: frozenset[str]) -> bytes | None:
    """A body without the named keys, at any depth: the same object where it has none of them.

    Of what cannot be read, where nobody knows what belongs to which key, nothing is left.
    """
    return _rewritten(body, keys, frozenset())


def blotted_body(body: bytes, keys: frozenset[str]) -> bytes:
    """A body as raw keeps it (`blotted`), the same object where nothing has to go."""
    return _rewritten(body, keys, _SIZED) or b""


def blotted_params(params: dict[str, str], keys: frozenset[str]) -> dict[str, str]:
    """Query parameters as raw keeps them."""
    kept: dict[str, str] = blotted(params, keys)
    return kept


def redacted_headers(headers: Iterable[tuple[str, bytes]], keys: frozenset[str]) -> list[tuple[str, bytes]]:
    """The headers of a raw record with parameters that lack the named keys; none where they cannot be read."""
    if not keys:
        return list(headers)
    kept = ((name, redacted_body(value, keys) if name == "params" else value) for name, value in headers)
    return [(name, value) for name, value in kept if value is not None and (value or name != "params")]


def _rewritten(body: bytes | None, keys: frozenset[str], sized: frozenset[str]) -> bytes | None:
    if not body or not keys:
        return body
    try:
        value = loads(body)
        kept = _copy(value, keys, sized)
        return body if kept == value else orjson.dumps(kept)
    except (ValueError, TypeError, RecursionError):
        return b""


def _copy(value: Any, keys: frozenset[str], sized: frozenset[str]) -> Any:
    # Not recursive: what others than the gateway write may nest deeper than Python's calls.
    whole: list[Any] = [value]
    todo: list[Any] = [whole]
    while todo:
        held = todo.pop()
        for key, item in held.items() if type(held) is dict else enumerate(held):
            if type(item) is dict or type(item) is list:
                held[key] = copy = _without(item, keys, sized) if type(item) is dict else item.copy()
                todo.append(copy)
    return whole[0]


def _without(held: dict[str, Any], keys: frozenset[str], sized: frozenset[str]) -> dict[str, Any]:
    kept = {name: item for name, item in held.items() if name not in keys}
    for name in sized & keys & held.keys():
        if type(held[name]) in (str, list):
            kept[name] = _as_long(held[name])
    return kept


def _as_long(value: Any) -> Any:
    if type(value) is list:
        return [0] * len(value)
    # base64 tells by its end how much is in it.
    end = "=" * min(2, len(value) - len(value.rstrip("=")))
    return "*" * (len(value.encode("utf-8", "surrogatepass")) - len(end)) + end
