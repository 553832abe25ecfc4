"""Directory files: assets, users and tasks as one JSON object or as NDJSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.fields import decode_object, required_id
from schemas.reference.directory import Asset, Task, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.reference.lookup import Kind

__all__ = ["DirectoryError", "parse_directory"]

_KINDS: Final[dict[str, tuple[Kind, type[Asset | User | Task]]]] = {
    "asset": ("assets", Asset),
    "user": ("users", User),
    "task": ("tasks", Task),
}
_LISTS: Final[dict[str, str]] = {name: kind for kind, (name, _) in _KINDS.items()}

# Raw keeps a record's bytes, and with them numbers and fields that this system does not know.
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class DirectoryError(ValueError):
    """A directory file cannot be read; the one-line text names the line and the field."""


def parse_directory(text: str | bytes) -> list[tuple[Kind, bytes, bytes]]:
    """Read a directory file to (kind, key, value) of each record, in the file's order.

    Raises DirectoryError for the first record that does not validate; then nothing should be loaded.
    """
    data = text.encode() if isinstance(text, str) else text
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        whole = _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return list(_lines(data))
    if "kind" in whole:
        return [_line("line 1", whole)]
    return list(_lists(whole))


def _lists(whole: dict[str, msgspec.Raw]) -> Iterator[tuple[Kind, bytes, bytes]]:
    for name, raw in whole.items():
        if name not in _LISTS:
            message = f"`{name}` is none of {', '.join(f'`{known}`' for known in _LISTS)}"
            raise DirectoryError(message)
        if bytes(raw) == b"null":
            continue
        try:
            items = _LIST.decode(raw)
        except msgspec.DecodeError as error:
            message = f"`{name}` must be a list"
            raise DirectoryError(message) from error
        for index, item in enumerate(items):
            yield _record(f"{name}[{index}]", _LISTS[name], bytes(item))


def _lines(data: bytes) -> Iterator[tuple[Kind, bytes, bytes]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            fields = _OBJECT.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{where}: not a JSON object: {error}"
            raise DirectoryError(message) from error
        yield _line(where, fields)


def _line(where: str, fields: dict[str, msgspec.Raw]) -> tuple[Kind, bytes, bytes]:
    raw = fields.pop("kind", None)
    kind: Any = None if raw is None else msgspec.json.decode(raw)
    if not isinstance(kind, str) or kind not in _KINDS:
        message = f"{where}: `kind` must be {', '.join(_KINDS)}, not {kind!r:.60}"
        raise DirectoryError(message)
    return _record(where, kind, msgspec.json.encode(fields))


def _record(where: str, kind: str, value: bytes) -> tuple[Kind, bytes, bytes]:
    name, model = _KINDS[kind]
    try:
        key = b"%d" % required_id(decode_object(value), "id")
        record = model.parse(key, value)
    except ValueError as error:
        message = f"{where}: {error}"
        raise DirectoryError(message) from error
    return name, record.key, record.value
