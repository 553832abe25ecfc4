"""Staff commands: records of source `staff` on the raw topic, and the fields that staff may set."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "DURATION",
    "FIELDS",
    "METRICS",
    "NUMBER",
    "OBJECT",
    "Command",
    "CommandError",
    "DeleteCommand",
    "ForgetCommand",
    "TelemetryCommand",
    "decode_command",
    "encode_command",
    "format_duration",
    "parse_duration",
    "validate_fields",
]

_STANDARD: Final = re.compile(
    r"(?P<sign>-?)(?:(?P<days>\d{1,6}) (?:days?, )?)?(?:(?:(?P<hours>\d{1,6}):)?(?P<minutes>\d{1,6}):)?"
    r"(?P<seconds>\d{1,12}(?:[.,]\d{1,6})?)\d*",
    re.ASCII,
)
_ISO: Final = re.compile(
    r"(?P<sign>[-+]?)P(?!$)(?:(?P<days>\d{1,6}(?:[.,]\d{1,9})?)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d{1,9}(?:[.,]\d{1,9})?)H)?(?:(?P<minutes>\d{1,9}(?:[.,]\d{1,9})?)M)?"
    r"(?:(?P<seconds>\d{1,12}(?:[.,]\d{1,9})?)S)?)?",
    re.ASCII,
)
_UNITS: Final = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
# They are kept with each student's state and written with each of its scores.
_MAX_METRICS: Final = 256 << 10
# Of a student and a tutorial, in bytes.
_MAX_NAME: Final = 255
_MAX_SECONDS: Final = 1_000_000 * 86_400

# What is wrong with a field's value, as the caller reads it.
NUMBER: Final = "A valid number is required."
OBJECT: Final = "A JSON object is required."
METRICS: Final = "At most 256 KiB of JSON are kept."
DURATION: Final = "Duration has wrong format. Use [-][D ]HH:MM:SS[.ffffff], seconds or ISO 8601."


class CommandError(ValueError):
    """A record of source `staff` is no command; the text says what is wrong with it."""


class TelemetryCommand(msgspec.Struct, frozen=True):
    """Set fields of one student's telemetry: `upsert` creates what is missing, `update` needs it to be there.

    `fields` holds only what the request set (null clears); `total_time` is in seconds.
    """

    command: Literal["telemetry.upsert", "telemetry.update"]
    user_id: str
    asset_slug: str
    fields: dict[str, Any]
    academy: int | None = None


class DeleteCommand(msgspec.Struct, frozen=True):
    """Take the webhook `id` out of the log."""

    command: Literal["webhook.delete"]
    id: int


class ForgetCommand(msgspec.Struct, frozen=True):
    """Drop what is kept of the actor `user_id`: in the tutorials and runs named, and of the student as a whole."""

    command: Literal["student.forget"]
    user_id: str
    asset_slugs: list[str]
    telemetry_ids: list[str]


# What a record of source `staff` holds.
Command = TelemetryCommand | DeleteCommand | ForgetCommand


def parse_duration(value: Any) -> float | None:
    """Seconds of `[-][D ]HH:MM:SS[.ffffff]`, a number of seconds or an ISO 8601 duration; None for others."""
    if type(value) in (int, float):
        return round(value, 6) if isfinite(value) and abs(value) <= _MAX_SECONDS else None
    if type(value) is not str:
        return None
    text = value.strip()
    match = _STANDARD.fullmatch(text) or _ISO.fullmatch(text)
    if match is None:
        return None
    units = match.groupdict()
    seconds: float = sum(_number(units[name]) * unit for name, unit in _UNITS if units[name])
    if seconds > _MAX_SECONDS:
        return None
    return round(-seconds if units["sign"] == "-" else seconds, 6)


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float(text.replace(",", "."))


def format_duration(seconds: float | None) -> str | None:
    """A number of seconds as `[-][D ]HH:MM:SS[.ffffff]`; None for None."""
    if seconds is None:
        return None
    micros = round(abs(seconds) * 1_000_000)
    sign = "-" if seconds < 0 and micros else ""
    whole, fraction = divmod(micros, 1_000_000)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, second = divmod(rest, 60)
    text = f"{sign}{f'{days} ' if days else ''}{hours:02}:{minutes:02}:{second:02}"
    return f"{text}.{fraction:06}" if fraction else text


class _InvalidError(Exception):
    """A field's value is not of its kind; the argument is the text for the caller."""


def _as_number(value: Any) -> float:
    if type(value) is str and len(value) <= 100:  # noqa: PLR2004 - no number is longer
        try:
            value = float(value)
        except ValueError:
            raise _InvalidError(NUMBER) from None
    if type(value) not in (int, float) or not isfinite(value) or abs(value) > 1e300:  # noqa: PLR2004 - fits a double
        raise _InvalidError(NUMBER)
    return float(value)


def _as_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise _InvalidError(OBJECT)
    return value


def _as_metrics(value: Any) -> dict[str, Any]:
    if len(msgspec.json.encode(_as_object(value))) > _MAX_METRICS:
        raise _InvalidError(METRICS)
    return _as_object(value)


def _as_seconds(value: Any) -> float:
    seconds = parse_duration(value)
    if seconds is None:
        raise _InvalidError(DURATION)
    return seconds


_KINDS: Final[dict[str, Callable[[Any], Any]]] = {
    "telemetry": _as_object,
    "engagement_score": _as_number,
    "frustration_score": _as_number,
    "metrics_algo_version": _as_number,
    "metrics": _as_metrics,
    "total_time": _as_seconds,
    "completion_rate": _as_number,
}

# The fields that staff may set, in the order in which they are answered.
FIELDS: Final = tuple(_KINDS)


def validate_fields(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Check what staff sent: (the fields that are set, normalised, `total_time` in seconds; errors by field).

    Unknown keys are passed over, null is always allowed. The fields are of use only if there are no errors.
    """
    fields: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, convert in _KINDS.items():
        if name not in body:
            continue
        value = body[name]
        try:
            fields[name] = None if value is None else convert(value)
        except _InvalidError as error:
            errors[name] = [str(error)]
    return fields, errors


def encode_command(command: Command) -> bytes:
    """The record's value: compact JSON."""
    return msgspec.json.encode(command)


def decode_command(payload: Mapping[str, Any]) -> Command:
    """Read a staff record's parsed value; raises CommandError where it is no command."""
    try:
        if payload.get("command") == "webhook.delete":
            return msgspec.convert(payload, DeleteCommand)
        if payload.get("command") == "student.forget":
            return msgspec.convert(payload, ForgetCommand)
        command = msgspec.convert(payload, TelemetryCommand)
    except msgspec.ValidationError as error:
        message = f"not a staff command: {error}"
        raise CommandError(message) from error
    if max(len(text.encode("utf-8", "replace")) for text in (command.user_id, command.asset_slug)) > _MAX_NAME:
        message = f"not a staff command: a student and a tutorial have at most {_MAX_NAME} bytes"
        raise CommandError(message)
    if len(msgspec.json.encode(command.fields.get("metrics"))) > _MAX_METRICS:
        message = f"not a staff command: metrics: {METRICS}"
        raise CommandError(message)
    return command
