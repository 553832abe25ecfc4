"""Readers of a JSON record's fields: lenient about form, one line about what is wrong.

Each raises ValueError with a text that begins with the field's name in backticks.
"""

from __future__ import annotations

from typing import Any, NoReturn

import orjson

from schemas.coercion import as_id

__all__ = [
    "decode_object",
    "encode_object",
    "flag",
    "key_id",
    "linked_id",
    "linked_ids",
    "list_of_texts",
    "numbered",
    "optional_id",
    "optional_text",
    "required_id",
    "required_text",
    "texts_by_name",
]


def _refuse(name: str, expected: str, value: Any) -> NoReturn:
    message = f"`{name}` must be {expected}, not {value!r:.60}"
    raise ValueError(message)


def decode_object(value: bytes | str) -> dict[str, Any]:
    """Read JSON that must be an object; raises ValueError where it is not."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        message = f"not JSON: {error}"
        raise ValueError(message) from error
    if type(record) is not dict:
        message = "not a JSON object"
        raise ValueError(message)
    return record


def encode_object(record: dict[str, Any]) -> bytes:
    """Write a record as JSON; raises ValueError where it is nested deeper than any reader takes."""
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError as error:
        message = f"cannot be written as JSON: {error}"
        raise ValueError(message) from error


def key_id(key: bytes) -> int:
    """The id that a record's key is: digits as an integer is written, so that one id has one key."""
    number = as_id(key.decode("ascii", "replace"))
    if number is None or key != b"%d" % number:
        message = f"the key {key!r:.60} is not an id"
        raise ValueError(message)
    return number


def numbered(key: bytes, value: bytes) -> tuple[int, dict[str, Any], bytes]:
    """The id of a record that is keyed by it, the record, and its JSON with the id in it."""
    number = key_id(key)
    record = decode_object(value)
    if record.get("id") is None:
        record["id"] = number
        return number, record, encode_object(record)
    if required_id(record, "id") != number:
        message = f"`id` is {record['id']!r}, but the key is {number}"
        raise ValueError(message)
    return number, record, value


def required_id(record: dict[str, Any], name: str) -> int:
    """A non-negative integer, or a string of digits."""
    number = as_id(record.get(name))
    if number is None:
        _refuse(name, "an id", record.get(name))
    return number


def optional_id(record: dict[str, Any], name: str) -> int | None:
    """As required_id, or None for what is missing, null or a blank text, as forms write what nobody entered."""
    value = record.get(name)
    is_none = value is None or (type(value) is str and not value.strip())
    return None if is_none else required_id(record, name)


def linked_id(record: dict[str, Any], name: str) -> int | None:
    """As optional_id, also from an object with an `id`, as the LMS's API writes what another record is linked to."""
    value = record.get(name)
    if not isinstance(value, dict):
        return optional_id(record, name)
    try:
        return optional_id(value, "id")
    except ValueError:
        _refuse(f"{name}.id", "an id", value["id"])


def linked_ids(record: dict[str, Any], name: str) -> tuple[int, ...]:
    """A list of what linked_id takes; empty for what is missing or null."""
    ids = []
    for index, value in enumerate(_items(record, name)):
        number = as_id(value.get("id") if isinstance(value, dict) else value)
        if number is None:
            _refuse(f"{name}[{index}]", "an id", value)
        ids.append(number)
    return tuple(ids)


def required_text(record: dict[str, Any], name: str) -> str:
    """A text that is not empty."""
    value = record.get(name)
    if type(value) is not str or not value:
        _refuse(name, "text", value)
    return value


def optional_text(record: dict[str, Any], name: str) -> str | None:
    """A text, or None for what is missing or null."""
    value = record.get(name)
    if value is not None and type(value) is not str:
        _refuse(name, "text", value)
    return value


def list_of_texts(record: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts, those that are null or empty left out; empty for what is missing or null."""
    items = _items(record, name)
    for index, value in enumerate(items):
        if value is not None and type(value) is not str:
            _refuse(f"{name}[{index}]", "text", value)
    return tuple(value for value in items if value)


def texts_by_name(record: dict[str, Any], name: str) -> dict[str, str]:
    """An object of texts, those that are null or empty left out; empty for what is missing or null."""
    value = record.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        _refuse(name, "an object", value)
    for key, item in value.items():
        if item is not None and type(item) is not str:
            _refuse(f"{name}.{key}", "text", item)
    return {key: item for key, item in value.items() if item}


def flag(record: dict[str, Any], name: str) -> bool:
    """A boolean (or 0 or 1); false for what is missing or null."""
    value = record.get(name)
    if value in (None, False, True):
        return bool(value)
    _refuse(name, "true or false", value)


def _items(record: dict[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    if value is None:
        return []
    if type(value) is not list:
        _refuse(name, "a list", value)
    return value
