"""What a fact says about its item: codes, sizes and times, never texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.core.state import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.state import Attempt, Quiz, Timed

__all__ = ["NOTHING", "attempt_details", "interaction_details", "quiz_details", "span"]

_LONGEST_TYPE: Final = 64
_LONGEST_TEXT: Final = 128
_MAX_CODE: Final = (1 << 31) - 1

NOTHING: Final[Mapping[str, Any]] = {
    "exit_code": None,
    "succeeded": None,
    "duration_ms": None,
    "error_type": "",
    "code_bytes": None,
    "output_bytes": None,
    "properties": {},
}


def span(started: int | None, ended: int | None) -> int | None:
    """The milliseconds between two instants in microseconds; negative where the clock went back."""
    return None if started is None or ended is None else (ended - started) // 1000


def _decoded_bytes(value: Any) -> int:
    """The size of the text that a base64 field holds (the clients encode all texts of attempts)."""
    if type(value) is not str:
        return 0
    size = len(value)
    return size if size % 4 else size // 4 * 3 - value[-2:].count("=")


def _text_bytes(value: Any) -> int:
    return len(value.encode("utf-8", "surrogatepass")) if type(value) is str else 0


def _code(code: int | bool | None) -> int | None:  # noqa: FBT001 - False is MISSING, as in the state
    if code is MISSING or code is None:
        return None
    return code if -_MAX_CODE <= code <= 2 * _MAX_CODE + 1 else None


def attempt_details(slim: Attempt, item: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a compilation or a test."""
    error_type = item.get("errorType")
    properties = {name: value for name in ("signal", "memoryUsage", "cpuUsage") if _plain(value := item.get(name))}
    return {
        "exit_code": _code(slim.code),
        "succeeded": None if slim.code is MISSING else not slim.failed,
        "duration_ms": span(slim.started, slim.ended),
        "error_type": error_type[:_LONGEST_TYPE] if type(error_type) is str else "",
        "code_bytes": _decoded_bytes(item.get("source_code")),
        "output_bytes": _decoded_bytes(item.get("stdout")) + _decoded_bytes(item.get("stderr")),
        "properties": properties,
    }


def interaction_details(slim: Timed, item: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a question to the AI tutor."""
    return {
        **NOTHING,
        "duration_ms": span(slim.started, slim.ended),
        "code_bytes": _text_bytes(item.get("source_code")),
        "output_bytes": _text_bytes(item.get("ai_response")),
        "properties": {"message_bytes": _text_bytes(item.get("student_message"))},
    }


def quiz_details(slim: Quiz, item: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a quiz submission."""
    selections = item.get("selections")
    properties: dict[str, Any] = {"quiz_hash": slim.quiz_hash[:_LONGEST_TEXT]}
    if _plain(percentage := item.get("percentage")):
        properties["percentage"] = percentage
    if type(selections) is list:
        properties["selections"] = len(selections)
    return {
        **NOTHING,
        "succeeded": slim.passed,
        "duration_ms": span(slim.started, slim.ended),
        "properties": properties,
    }


def _plain(value: Any) -> bool:
    if type(value) is str:
        return 0 < len(value) <= _LONGEST_TYPE
    return type(value) is int or type(value) is float
