"""What a line says that a part has written: how grave it is, and in few words."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

import orjson

__all__ = ["Level", "level_of", "shortened"]


class Level(IntEnum):
    """The levels that make a difference to who looks at a terminal."""

    INFO = 1
    WARNING = 2
    ERROR = 3


_LEVELS: Final = {
    "debug": Level.INFO,
    "info": Level.INFO,
    "warning": Level.WARNING,
    "error": Level.ERROR,
    "critical": Level.ERROR,
}
# Colours of a terminal, which a part has no reason to write, but may be made to.
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_CONSOLE: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[(\w+) *\] ")
# The event is padded, the logger follows it, and the fields.
_EVENT: Final = re.compile(rf"{_CONSOLE.pattern}(.+?) +\[[a-z_][\w.]*\](?: (.*))?")


def level_of(line: str) -> Level | None:
    """The level of a line as deploy.run.logs writes it in either format, or as the local servers do; else None.

    Such are what a library prints, what a Java machine says at its end, and the lines of a traceback.
    """
    plain = _COLOUR.sub("", line)
    if plain.startswith("{"):
        return _LEVELS.get(_level_in(plain))
    found = _CONSOLE.match(plain)
    return _LEVELS.get(found[1].lower()) if found else None


def shortened(line: str) -> str:
    """A line of deploy.run.logs for people without time, logger and padding; any other as it is."""
    found = _EVENT.fullmatch(_COLOUR.sub("", line))
    return f"{found[1].lower()}: {found[2]} {found[3] or ''}".rstrip() if found else line


def _level_in(line: str) -> str:
    try:
        return str(orjson.loads(line)["level"])
    except (ValueError, LookupError, TypeError):
        return ""
