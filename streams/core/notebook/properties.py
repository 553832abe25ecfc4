"""What of an event's properties a fact keeps: what the course says about the event, and no text of the student's."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from schemas.wire.names import is_key, is_version
from schemas.wire.notebook import as_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.policy import Policy

__all__ = ["kept_properties"]

_MOST: Final = 50
_LONGEST_PREVIEW: Final = 500

# What has a column of its own, or is the same in all events of a student.
_IN_COLUMNS: Final = frozenset(
    {"nb", "student", "distinct_id", "ex", "exercise", "exercise_name", "cell_id", "cell", "ok", "passed", "succeeded"}
    | {"ms", "duration_ms", "try", "attempt", "error_type", "err_type"}
)
_CODE: Final = frozenset({"code", "code_preview", "source", "source_code", "preview"})
# Messages of errors quote code and data.
_TEXTS: Final = frozenset({"err", "error", "error_message", "message", "traceback", "stdout", "stderr", "output"})
# The texts that all notebooks send: the session, and the version of what sends.
_SESSION: Final = "sess"
_VERSION: Final = "v"


def _holds_names(name: str, value: str, policy: Policy) -> bool:
    return name == _SESSION or (name == _VERSION and is_version(value)) or name in policy.notebook_properties


def kept_properties(properties: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """The numbers and flags among an event's properties, and names where the property is one that holds names.

    These are the notebooks' own and those that the policy lists. What is not called as programmers call things, lists
    and objects and what redaction names are left out; code is kept only where redaction is off.
    """
    kept: dict[str, Any] = {}
    for name, value in properties.items():
        if len(kept) == _MOST:
            break
        if not is_key(name) or name in _IN_COLUMNS or name in policy.redact:
            continue
        if name in _CODE:
            if policy.previews and type(value) is str:
                kept[name] = value[:_LONGEST_PREVIEW]
        elif type(value) in (int, bool) or (type(value) is float and isfinite(value)):
            kept[name] = value
        elif type(value) is str and name not in _TEXTS and _holds_names(name, value, policy):
            kept[name] = as_name(value)
    return kept
