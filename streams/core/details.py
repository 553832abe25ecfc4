"""What a fact says about its item: codes, sizes and times, never texts.

The columns are written as a fragment of the fact's JSON line, from `exit_code` to `properties`: facts are what the
worker writes most of, and formatting one this way costs a third of building and encoding a dict.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.wire.names import OTHER, error_type_of
from streams.core.state import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.state import Attempt, Quiz, Timed

__all__ = [
    "NOTHING",
    "attempt_details",
    "completion_details",
    "interaction_details",
    "opening_details",
    "properties_details",
    "quiz_details",
]

# Node, Python and the kernel name them so, on all systems.
_SIGNAL: Final = re.compile(
    r"SIG(?:ABRT|ALRM|BREAK|BUS|CHLD|CLD|CONT|EMT|FPE|HUP|ILL|INFO|INT|IO|IOT|KILL|LOST|PIPE|POLL|PROF|PWR|QUIT|SEGV|"
    r"STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|UNUSED|URG|USR[12]|VTALRM|WINCH|XCPU|XFSZ|RT(?:MIN|MAX)(?:[+-]\d{1,2})?)"
)
_USES: Final = ("memoryUsage", "cpuUsage")


def _details(  # noqa: PLR0917 - the columns in their order
    exit_code: int | None = None,
    succeeded: bool | None = None,  # noqa: FBT001 - as above
    duration_ms: int | None = None,
    error_type: str = '""',
    code_bytes: int | None = None,
    output_bytes: int | None = None,
    properties: str = "{}",
) -> str:
    return (
        f'"exit_code":{"null" if exit_code is None else exit_code},'
        f'"succeeded":{"null" if succeeded is None else "true" if succeeded else "false"},'
        f'"duration_ms":{"null" if duration_ms is None else duration_ms},'
        f'"error_type":{error_type},'
        f'"code_bytes":{"null" if code_bytes is None else code_bytes},'
        f'"output_bytes":{"null" if output_bytes is None else output_bytes},'
        f'"properties":{properties}'
    )


NOTHING: Final = _details()


def _span(started: int | None, ended: int | None) -> int | None:
    """The milliseconds between two instants in microseconds; negative where the clock went back."""
    return None if started is None or ended is None else (ended - started) // 1000


def _decoded_bytes(value: Any) -> int | None:
    """The size of the text that a base64 field holds (the clients encode all texts of attempts), None without one."""
    if type(value) is not str:
        return None
    if not value:
        return 0
    size = len(value)
    if size % 4:
        return size
    padding = 0 if value[-1] != "=" else 1 if value[-2] != "=" else 2
    return size // 4 * 3 - padding


def _text_bytes(value: Any) -> int | None:
    return len(value.encode("utf-8", "surrogatepass")) if type(value) is str else None


def _sum(first: int | None, second: int | None) -> int | None:
    """The sum of the sizes that are known, None if neither is."""
    if first is None:
        return second
    return first if second is None else first + second


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))


def _extras(item: Mapping[str, Any]) -> dict[str, Any]:
    """What else is known of an attempt: the signal that ended it, by name or number, and what it used."""
    extras: dict[str, Any] = {}
    signal = item.get("signal")
    if type(signal) is str and signal:
        extras["signal"] = signal if _SIGNAL.fullmatch(signal) else OTHER
    elif _is_number(signal):
        extras["signal"] = signal
    extras.update((name, item[name]) for name in _USES if name in item and _is_number(item[name]))
    return extras


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _properties(**values: Any) -> str:
    return _json({name: value for name, value in values.items() if value is not None})


def properties_details(**values: Any) -> str:
    """The columns of a fact of which only properties are known; those that are None are left out."""
    return _details(properties=_properties(**values))


def opening_details(step: Mapping[str, Any]) -> str:
    """The columns of an opened step: how many files it has, where a document lists them."""
    files = step.get("files")
    return _details(properties=f'{{"files":{len(files)}}}') if type(files) is list else NOTHING


def attempt_details(slim: Attempt, item: Mapping[str, Any]) -> str:
    """The columns of a compilation or a test."""
    code = slim.code
    missing = code is MISSING
    error_type = error_type_of(item.get("errorType"))
    extras = _extras(item)
    return _details(
        None if missing else code,
        None if missing else code == 0,
        _span(slim.started, slim.ended),
        f'"{error_type}"',
        _decoded_bytes(item.get("source_code")),
        _sum(_decoded_bytes(item.get("stdout")), _decoded_bytes(item.get("stderr"))),
        _json(extras) if extras else "{}",
    )


def interaction_details(slim: Timed, item: Mapping[str, Any]) -> str:
    """The columns of a question to the AI tutor."""
    return _details(
        duration_ms=_span(slim.started, slim.ended),
        code_bytes=_text_bytes(item.get("source_code")),
        output_bytes=_text_bytes(item.get("ai_response")),
        properties=_properties(message_bytes=_text_bytes(item.get("student_message"))),
    )


def quiz_details(slim: Quiz, item: Mapping[str, Any]) -> str:
    """The columns of a quiz submission."""
    selections = item.get("selections")
    properties: dict[str, Any] = {"quiz_hash": slim.quiz_hash}
    if _is_number(percentage := item.get("percentage")):
        properties["percentage"] = percentage
    if type(selections) is list:
        properties["selections"] = len(selections)
    return _details(succeeded=slim.passed, duration_ms=_span(slim.started, slim.ended), properties=_json(properties))


def completion_details(opened: int | None, completed: int | None) -> str:
    """The columns of a completed step: how long it was open."""
    return _details(duration_ms=_span(opened, completed))
