"""Which records of the log are a student's (pure)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from operations.raw_log.bodies import record_of
from schemas.reference.lookup import folded_name
from schemas.wire.headers import readable_headers
from schemas.wire.webhook import normal_user_id, record_key, student_key
from streams.core.errors import Undecodable
from streams.core.webhook import read

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Students"]

_MAY_REPORT_FOR_OTHERS = "crud_telemetry"


class Students:
    """Some actors, by whom records are told apart: user ids as text, `telemetry:<id>`, or names in notebooks.

    `names` are names in notebooks, too, upper and lower case taken as one; they tell records of notebooks alone.
    """

    def __init__(self, actors: Iterable[str], names: Iterable[str] = ()) -> None:
        self.actors = frozenset(normal_user_id(actor) or actor for actor in actors)
        self._names = frozenset(map(folded_name, names))
        self._keys = {_key(actor): actor for actor in self.actors}

    @property
    def digest(self) -> str:
        """Names this set without naming anybody in it; empty for the empty set."""
        return (
            hashlib.sha256("\n".join(sorted(self.actors)).encode("utf-8", "replace")).hexdigest()[:16]
            if self.actors
            else ""
        )

    def wrote(self, record: Any) -> bool:
        """Whether a raw record is about one of them, or was sent with the token of one in another's name."""
        return self.owner(record) is not None

    def owner(self, record: Any) -> str | None:
        """Which of them wrote a raw record, None if nobody did; a name in notebooks as the record has it."""
        if (keyed := self._keys.get(record.key)) is not None:
            return keyed
        headers = readable_headers(record.headers)
        # Staff who report for others are not whom the record is about.
        if headers.principal in self.actors and _MAY_REPORT_FOR_OTHERS not in headers.capabilities:
            return headers.principal
        whose = _actor(record)
        if whose in self.actors:
            return whose
        # Staff's commands about a notebook's student bear the name, too.
        if not self._names or headers.source == "learnpack":
            return None
        whose = whose or (record.key or b"").decode("utf-8", "replace")
        return whose if folded_name(whose) in self._names else None


def _key(actor: str) -> bytes:
    if normal_user_id(actor) is not None:
        return student_key({"user_id": actor}, None)
    # A word for nobody, which an earlier release took for a name: today's webhooks with it have the key of others.
    return record_key(actor)


def _actor(record: Any) -> str | None:
    """Whose the worker would take it for; headers that cannot be read leave the body to tell."""
    for headers in (record.headers, ()):
        try:
            return read(record_of(record.key, record.value or b"", headers)).actor
        except Undecodable:
            continue
    return None
