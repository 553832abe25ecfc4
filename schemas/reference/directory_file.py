"""Directory files: assets, users, tasks and academies as one JSON object or as NDJSON lines.

A record with `"deleted": true` says that there is none any more: its value is None, as a tombstone's on the topics.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.fields import decode_object, flag, required_id, required_text
from schemas.reference.directory import LARGEST_RECORD, Academy, Asset, Task, Token, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.reference.lookup import Kind

__all__ = ["MODELS", "ONE", "DirectoryError", "Record", "parse_directory", "parse_line", "record_key"]

Record = Asset | User | Task | Academy | Token

# What the records of a kind are read to, and what one of them is called.
MODELS: Final[dict[Kind, type[Record]]] = {
    "assets": Asset,
    "users": User,
    "tasks": Task,
    "academies": Academy,
    "tokens": Token,
}
ONE: Final[dict[Kind, str]] = {
    "assets": "asset",
    "users": "user",
    "tasks": "task",
    "academies": "academy",
    "tokens": "token",
}

# Tokens are made by a command of their own, whose secrets belong in no file.
_KINDS: Final[dict[str, Kind]] = {name: kind for kind, name in ONE.items() if kind != "tokens"}

# Raw keeps a record's bytes, and with them numbers and fields that this system does not know.
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
# What msgspec says of JSON that it cannot read: no JSON, no UTF-8, or nested deeper than it goes.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class DirectoryError(ValueError):
    """A directory file cannot be read; the one-line text names the line and the field."""


def parse_directory(text: str | bytes) -> list[tuple[Kind, bytes, bytes | None]]:
    """Read a directory file to (kind, key, value) of each record, in the file's order; None is a record to delete.

    Raises DirectoryError for the first record that does not validate; then nothing should be loaded.
    """
    data = text.encode() if isinstance(text, str) else text
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        whole = _OBJECT.decode(data)
    except _UNREADABLE:
        return list(_lines(data))
    if "kind" in whole:
        return [_line("line 1", whole)]
    _require_once(data, whole)
    return list(_lists(whole))


def parse_line(kind: Kind, line: bytes) -> tuple[bytes, bytes | None]:
    """Key and value of one record of a kind, which the line need not name; raises ValueError with one line.

    A value of None deletes. Others are validated but for the bounds that whoever reads the line sets.
    """
    try:
        fields = _OBJECT.decode(line)
    except _UNREADABLE as error:
        raise ValueError(_why(error)) from error
    named = fields.pop("kind", None)
    if named is not None and _text(named) != ONE[kind]:
        message = f"`kind` must be {ONE[kind]} here, or left out"
        raise ValueError(message)
    return _keyed(kind, msgspec.json.encode(fields))


def record_key(kind: Kind, text: str) -> bytes:
    """The key of the record with an id as addresses name it; raises ValueError where it is none of its kind."""
    if kind == "tokens":
        return Token.checked_key(text.encode())
    return b"%d" % required_id({"id": text}, "id")


def _lists(whole: dict[str, msgspec.Raw]) -> Iterator[tuple[Kind, bytes, bytes | None]]:
    kinds = tuple(_KINDS.values())
    for name, raw in whole.items():
        kind = next((known for known in kinds if known == name), None)
        if kind is None:
            message = f"`{name}` is none of {', '.join(f'`{known}`' for known in kinds)}"
            raise DirectoryError(message)
        if bytes(raw) == b"null":
            continue
        try:
            items = _LIST.decode(raw)
        except _UNREADABLE as error:
            message = (
                f"`{name}` must be a list" if isinstance(error, msgspec.DecodeError) else f"`{name}`: {_why(error)}"
            )
            raise DirectoryError(message) from error
        for index, item in enumerate(items):
            yield _record(f"{name}[{index}]", kind, bytes(item))


def _lines(data: bytes) -> Iterator[tuple[Kind, bytes, bytes | None]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            fields = _OBJECT.decode(line)
        except _UNREADABLE as error:
            message = f"{where}: {_why(error)}"
            raise DirectoryError(message) from error
        yield _line(where, fields)


def _line(where: str, fields: dict[str, msgspec.Raw]) -> tuple[Kind, bytes, bytes | None]:
    raw = fields.pop("kind", None)
    kind: Any = None if raw is None else _text(raw)
    if isinstance(kind, bytes):
        message = f"{where}: `kind` cannot be read: is the file UTF-8?"
        raise DirectoryError(message)
    if not isinstance(kind, str) or kind not in _KINDS:
        message = f"{where}: `kind` must be {', '.join(_KINDS)}, not {kind!r:.60}"
        raise DirectoryError(message)
    return _record(where, _KINDS[kind], msgspec.json.encode(fields))


def _record(where: str, kind: Kind, value: bytes) -> tuple[Kind, bytes, bytes | None]:
    try:
        key, parsed = _keyed(kind, value)
    except ValueError as error:
        message = f"{where}: {error}"
        raise DirectoryError(message) from error
    if parsed is not None and len(parsed) > LARGEST_RECORD:
        message = f"{where}: the {ONE[kind]} is larger than {LARGEST_RECORD} bytes: leave fields out of it"
        raise DirectoryError(message)
    return kind, key, parsed


def _require_once(data: bytes, whole: dict[str, msgspec.Raw]) -> None:
    """Refuse a second list of a kind, of which a dict shows the last alone."""
    if all(data.count(b'"%s"' % name.encode()) == 1 for name in whole):
        return
    # The object that ends last is the whole.
    names: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names[:] = [name for name, _ in pairs]

    try:
        json.loads(data, object_pairs_hook=note)
    except (ValueError, RecursionError):
        # The record in which it is will be named.
        return
    for name in whole:
        if names.count(name) > 1:
            message = f"`{name}` stands there {names.count(name)} times: put all of its records into one list"
            raise DirectoryError(message)


def _text(raw: msgspec.Raw) -> Any:
    """What a raw value says; its bytes where it cannot be read."""
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        return bytes(raw)


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep: leave out the field in which it is"
    return f"not a JSON object: {error}; is it JSON in UTF-8?"


def _keyed(kind: Kind, value: bytes) -> tuple[bytes, bytes | None]:
    fields = decode_object(value)
    if kind == "tokens":
        key = Token.checked_key(required_text(fields, "id").encode())
    else:
        key = b"%d" % required_id(fields, "id")
    if flag(fields, "deleted"):
        return key, None
    return key, MODELS[kind].parse(key, value).value
