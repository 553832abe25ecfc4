"""Which dead letters a request is about, as its body says."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import ApiError
from gateway.insights.letters import MOST_AT_ONCE, LetterFilters

__all__ = ["PATCH", "SELECTION", "selected"]

_HIGHEST: Final = (1 << 53) - 1
_TEXTS: Final = ("topic", "stage", "reason")

SELECTION: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ids": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": _HIGHEST},
                "maxItems": MOST_AT_ONCE,
                "description": "These; all where it is missing or empty.",
            },
            "topic": {"type": "string", "description": "That they came from."},
            "stage": {"type": "string", "description": "At which they failed."},
            "reason": {"type": "string", "description": "A part of their reason."},
            "preview": {"type": "boolean", "default": True},
        },
    },
    "example": {"reason": "not JSON", "preview": True},
}


PATCH: Final[dict[str, Any]] = {
    "schema": {
        "type": "array",
        "maxItems": 1000,
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"type": "string"},
                "from": {"type": "string"},
                "value": {},
            },
        },
    },
    "example": [{"op": "replace", "path": "/user_id", "value": 1234}],
}


def selected(body: Any) -> tuple[LetterFilters, bool]:
    """The filters of a body, and whether nothing is to be done yet; raises ApiError 400."""
    if not isinstance(body, dict):
        raise ApiError("invalid-body")
    for name in body:
        if name not in {"ids", "preview", *_TEXTS}:
            raise ApiError("invalid-selection", field=str(name)[:100], known=", ".join(("ids", *_TEXTS, "preview")))
    ids, preview = body.get("ids", []), body.get("preview", True)
    # JSON has one kind of number: 7.0 is an id as well.
    if isinstance(ids, list):
        ids = [int(each) if type(each) is float and each.is_integer() else each for each in ids]
    texts = {name: body.get(name, "") for name in _TEXTS}
    if not isinstance(ids, list) or len(ids) > MOST_AT_ONCE or not all(map(_is_id, ids)):
        raise ApiError("invalid-selection.ids", field="ids", limit=MOST_AT_ONCE)
    if not isinstance(preview, bool):
        raise ApiError("invalid-selection.flag", field="preview")
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ApiError("invalid-selection.text", field=name)
    return LetterFilters(ids=tuple(ids), **texts), preview


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _HIGHEST
