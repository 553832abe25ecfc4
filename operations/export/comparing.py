"""What a store has under the id of a statement of ours: this one, an older telling of it, or somebody else's."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Kept", "kept"]

_SAME_INSTANT: Final = timedelta(milliseconds=1)


class Kept(Enum):
    """What it is; UNREAD: the store does not say."""

    SAME = auto()
    # The fact was told with other figures then.
    ANEW = auto()
    # Its student or its object has another name: who sent it names them in another way.
    OTHERS = auto()
    UNREAD = auto()


def kept(ours: Mapping[str, Any], text: str) -> Kept:
    """What a store's text is: it may add to what it was sent, and write instants in its own way."""
    with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        theirs = orjson.loads(text)
        if _names(theirs) != _names(ours):
            return Kept.OTHERS
        apart = abs(datetime.fromisoformat(theirs["timestamp"]) - datetime.fromisoformat(ours["timestamp"]))
        return Kept.SAME if apart < _SAME_INSTANT and _figures(theirs) == _figures(ours) else Kept.ANEW
    return Kept.UNREAD


def _names(statement: Mapping[str, Any]) -> tuple[str, ...]:
    account = statement["actor"]["account"]
    return account["homePage"], account["name"], statement["object"]["id"]


def _figures(statement: Mapping[str, Any]) -> tuple[Any, ...]:
    return statement["verb"]["id"], statement.get("result")
