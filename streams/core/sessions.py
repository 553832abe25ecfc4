"""Which work sessions a document tells: each of its `workout_session` that the state has not told before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.times import parse_time
from schemas.vocabulary import agent_of
from streams.core.details import properties_details

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.lines import FactLines
    from streams.core.state import State

__all__ = ["emit_sessions"]

# The real documents have up to 20. Of more, the newest are looked at and remembered.
_MOST: Final = 500


def emit_sessions(state: State, payload: Mapping[str, Any], facts: FactLines) -> None:
    """Tell the sessions of a document that are new to the state, with the program that the student works in.

    Told when it begins: a later batch may say when it ended, but a fact is told once. One without a time is not told.
    """
    sessions = payload.get("workout_session")
    if type(sessions) is not list or not sessions:
        return
    known = set(state.sessions)
    oldest = min(known) if len(known) >= _MOST else None
    new = set[int]()
    for session in sessions[-_MOST:]:
        start = parse_time(session.get("started_at")) if type(session) is dict else None
        if start is not None and start not in known and (oldest is None or start > oldest):
            new.add(start)
    if not new:
        return
    details = properties_details(agent=agent_of(payload))
    for start in sorted(new):
        facts.write("start_session", "", None, start, details, own_start=start)
    state.sessions = sorted(known | new)[-_MOST:]
