"""What of an event's properties a fact keeps: what the course says about the event, and no text of the student's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.notebook import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.policy import Policy

__all__ = ["kept_properties"]

_MOST: Final = 50
_LONGEST_TEXT: Final = 200
_LONGEST_PREVIEW: Final = 500

# What has a column of its own, or is the same in all events of a student.
_IN_COLUMNS: Final = frozenset(
    {"nb", "student", "distinct_id", "ex", "exercise", "exercise_name", "cell_id", "cell", "ok", "passed", "succeeded"}
    | {"ms", "duration_ms", "try", "attempt", "error_type", "err_type"}
)
_CODE: Final = frozenset({"code", "code_preview", "source", "source_code", "preview"})
# Messages of errors quote code and data.
_TEXTS: Final = frozenset({"err", "error", "error_message", "message", "traceback", "stdout", "stderr", "output"})


def kept_properties(properties: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """The numbers, flags and short texts among an event's properties.

    PostHog's own (`$…`), lists and objects, long texts and what redaction names are left out; code is kept only where
    redaction is off.
    """
    kept: dict[str, Any] = {}
    for name, value in properties.items():
        if len(kept) == _MOST:
            break
        if not name or len(name) > LONGEST_NAME or name.startswith("$") or name in _IN_COLUMNS or name in policy.redact:
            continue
        if name in _CODE:
            if policy.previews and type(value) is str:
                kept[name] = value[:_LONGEST_PREVIEW]
        elif name not in _TEXTS and _is_short(value):
            kept[name] = value
    return kept


def _is_short(value: Any) -> bool:
    return type(value) in (int, float, bool) or (type(value) is str and len(value) <= _LONGEST_TEXT)
