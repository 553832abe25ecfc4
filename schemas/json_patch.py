"""JSON Patch (RFC 6902): changes of a JSON value, said as a list of operations."""

from __future__ import annotations

from typing import Any, Final

from schemas.lenient import loads

__all__ = ["MOST_OPERATIONS", "PatchError", "patched", "readable"]

MOST_OPERATIONS: Final = 1_000
# What a patch may put in, in characters of names and texts and one for each value: a list that is copied into itself
# doubles with each operation. And how deep: what is read from JSON is no deeper.
_MOST_PUT: Final = 8 << 20
# Each operation makes what it changes anew, of a large object all of it: what a second of work can copy.
_MOST_COPIED: Final = 8 << 20
_DEEPEST: Final = 64
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}

_Path = tuple[str, ...]


class PatchError(ValueError):
    """A patch that is none, or does not fit the value; the text says which operation, and why."""


def readable(text: bytes) -> Any:
    """The value of a text that a patch is for; null where it is no JSON, so that a patch may still replace it."""
    try:
        return loads(text)
    except ValueError:
        return None


def patched(value: Any, operations: Any) -> Any:
    """The value after all operations, one after another; raises PatchError. The value that was given is not changed.

    Whatever it is, an operation at the root (`"path": ""`) replaces it. All operations together may put in 8 Mi
    characters, and nothing deeper than 64 levels. The objects and lists that they change may have 8 Mi members in all,
    counted again for each operation. Takes a second or two at most.
    """
    if type(operations) is not list or len(operations) > MOST_OPERATIONS:
        message = f"a patch is a list of at most {MOST_OPERATIONS} operations"
        raise PatchError(message)
    room = _Room()
    for number, operation in enumerate(operations):
        try:
            value = _applied(value, operation, room)
        except PatchError as error:
            message = f"operation {number}: {error}"
            raise PatchError(message) from None
    return value


class _Room:
    """What a patch may still put in and copy."""

    def __init__(self) -> None:
        self._left = _MOST_PUT
        self._copied = 0

    def copy(self, changed: Any) -> None:
        """Note an object or list that is made anew; raises PatchError where that is too much with those before."""
        self._copied += len(changed)
        if self._copied > _MOST_COPIED:
            message = f"what a patch changes has at most {_MOST_COPIED} members, counted again for each operation"
            raise PatchError(message)

    def take(self, new: Any, level: int) -> None:
        """Note a value that is put in so many levels deep; raises PatchError where it is too large or too deep."""
        waiting = [(new, level)]
        while waiting:
            value, depth = waiting.pop()
            self._left -= 1 + (len(value) if type(value) is str else 0)
            if type(value) is dict:
                self._left -= sum(map(len, value))
                waiting += [(child, depth + 1) for child in value.values()]
            elif type(value) is list:
                waiting += [(child, depth + 1) for child in value]
            if self._left < 0 or depth > _DEEPEST:
                message = f"a patch puts in at most {_MOST_PUT} characters, and nothing deeper than {_DEEPEST} levels"
                raise PatchError(message)


def _applied(value: Any, operation: Any, room: _Room) -> Any:
    name, path = _read(operation)
    if name == "add":
        room.take(operation["value"], len(path))
        return _added(value, path, operation["value"], room)
    if name == "remove":
        return _removed(value, path, room)
    if name == "replace":
        room.take(operation["value"], len(path))
        return operation["value"] if not path else _added(_removed(value, path, room), path, operation["value"], room)
    if name == "test":
        if not _same(_at(value, path), operation["value"]):
            message = "the value is another one"
            raise PatchError(message)
        return value
    source = _pointer(operation["from"])
    if name == "move" and path[: len(source)] == source and path != source:
        message = "nothing can be moved into itself"
        raise PatchError(message)
    taken = _at(value, source)
    room.take(taken, len(path))
    return _added(_removed(value, source, room) if name == "move" else value, path, taken, room)


def _read(operation: Any) -> tuple[str, _Path]:
    name = operation.get("op") if type(operation) is dict else None
    if type(name) is not str or name not in _NEEDS:
        message = f"`op` must be one of {', '.join(_NEEDS)}"
        raise PatchError(message)
    for field in ("path", *_NEEDS[name]):
        if field not in operation:
            message = f"{name} needs `{field}`"
            raise PatchError(message)
    return name, _pointer(operation["path"])


def _pointer(text: Any) -> _Path:
    """The steps of a JSON pointer (RFC 6901)."""
    if type(text) is not str or (text and not text.startswith("/")):
        message = "a path is empty or begins with `/`"
        raise PatchError(message)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _index(items: list[Any], part: str, most: int) -> int:
    digits = part.isascii() and part.isdigit() and (part == "0" or not part.startswith("0"))
    if not digits or len(part) > len(str(most)) or int(part) > most:
        message = f"a list of {len(items)} has no place {part[:100]}"
        raise PatchError(message)
    return int(part)


def _at(value: Any, path: _Path) -> Any:
    for part in path:
        if type(value) is dict and part in value:
            value = value[part]
        elif type(value) is list and value:
            value = value[_index(value, part, len(value) - 1)]
        else:
            message = f"there is no {part[:100]!r}"
            raise PatchError(message)
    return value


def _rebuilt(value: Any, path: _Path, child: Any, room: _Room) -> Any:
    """The value with another one at `path`, which exists; only what is on the way is copied."""
    if not path:
        return child
    part, rest = path[0], path[1:]
    below = _at(value, (part,))
    room.copy(value)
    if type(value) is dict:
        return {**value, part: _rebuilt(below, rest, child, room)}
    place = int(part)
    return [*value[:place], _rebuilt(below, rest, child, room), *value[place + 1 :]]


def _added(value: Any, path: _Path, new: Any, room: _Room) -> Any:
    if not path:
        return new
    above, part = path[:-1], path[-1]
    parent = _at(value, above)
    if type(parent) is dict:
        room.copy(parent)
        return _rebuilt(value, above, {**parent, part: new}, room)
    if type(parent) is not list:
        message = f"nothing can be added at {part[:100]!r}"
        raise PatchError(message)
    place = len(parent) if part == "-" else _index(parent, part, len(parent))
    room.copy(parent)
    return _rebuilt(value, above, [*parent[:place], new, *parent[place:]], room)


def _removed(value: Any, path: _Path, room: _Room) -> Any:
    _at(value, path)
    if not path:
        return None
    above, part = path[:-1], path[-1]
    parent = _at(value, above)
    room.copy(parent)
    if type(parent) is dict:
        return _rebuilt(value, above, {name: kept for name, kept in parent.items() if name != part}, room)
    place = int(part)
    return _rebuilt(value, above, [*parent[:place], *parent[place + 1 :]], room)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
