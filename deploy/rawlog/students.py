"""Which records of the log are a student's (pure)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from schemas.headers import HeaderError, RawHeaders, decode_headers
from schemas.lenient import loads
from schemas.webhook import actor, merge, normal_user_id, student_key

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Students"]

_MAY_REPORT_FOR_OTHERS = "crud_telemetry"


class Students:
    """Some actors, by whom records are told apart: user ids as text, or `telemetry:<id>`."""

    def __init__(self, actors: Iterable[str]) -> None:
        self.actors = frozenset(normal_user_id(one) or one for one in actors)
        self._keys = frozenset(student_key({"user_id": one}, None) for one in self.actors)

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
        if record.key in self._keys:
            return True
        try:
            headers = decode_headers(record.headers)
        except HeaderError:
            headers = RawHeaders()
        # Staff who report for others are not whom the record is about.
        if headers.principal in self.actors and _MAY_REPORT_FOR_OTHERS not in headers.capabilities:
            return True
        try:
            body = loads(record.value or b"{}")
        except ValueError:
            return False
        return isinstance(body, dict) and actor(merge(body, headers.params), headers.principal) in self.actors
