"""The fields that a scores row may hold of what a client or staff sent, each with its type."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from schemas.coercion import as_integers
from schemas.times import parse_time
from schemas.vocabulary import BATCH, agent_of
from schemas.wire.names import is_key, is_version, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["kept_metrics", "kept_root"]

# What packs into 64 bits.
_LIMIT: Final = 1 << 63
_DEEPEST: Final = 6
# What the results of indicators call their figures, ours and those that clients compute for themselves.
_FIGURES: Final = frozenset(
    {"algo_version", "global", "metrics", "indicators", "EngagementIndicator", "FrustrationIndicator", "steps", "slug"}
    | {"status", "time_spent", "comp_struggles", "test_struggles", "total_time_on_platform", "num_sessions"}
    | {"completion_rate", "total_interactions", "steps_not_completed", "time_on_incomplete", "avg_comp_struggles"}
    | {"avg_test_struggles", "skipped_steps", "opened_steps", "total_steps", "engagement_score", "frustration_score"}
)
# Statuses of a step, as the indicators have them.
_STATUSES: Final = frozenset({"unread", "skipped", "attempted", "completed"})
_LONGEST_TIME: Final = 40
_MOST_SESSIONS: Final = 500

_DROPPED: Final = object()


def _number(value: Any) -> Any:
    if type(value) is int:
        return value if -_LIMIT <= value < _LIMIT else _DROPPED
    return value if type(value) is float and isfinite(value) else _DROPPED


def _time(value: Any) -> Any:
    if type(value) is str and len(value) > _LONGEST_TIME:
        return _DROPPED
    return value if parse_time(value) is not None else _DROPPED


def _id(value: Any) -> Any:
    """A number, or digits as some clients write ids."""
    if type(value) is str:
        return value if value.strip().isdecimal() and len(value) <= _LONGEST_TIME else _DROPPED
    return _number(value)


def _ids(value: Any) -> Any:
    numbers = as_integers(value)
    return value if type(value) is int else ",".join(map(str, numbers)) if numbers else _DROPPED


def _name(value: Any) -> Any:
    return name_of(value) if type(value) is str else _number(value)


def _version(value: Any) -> Any:
    return value if type(value) is str and is_version(value) else _number(value)


def _sessions(value: Any) -> Any:
    if type(value) is not list:
        return _DROPPED
    return [_times(session) for session in value[-_MOST_SESSIONS:] if type(session) is dict]


def _times(session: Mapping[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in ("started_at", "ended_at") if _time(session.get(name)) is not _DROPPED}


def _figures(value: Any) -> Any:
    return _metric("", value, _DEEPEST + 1, _FIGURES.__contains__) if type(value) is dict else _number(value)


_ROOT: Final[dict[str, Callable[[Any], Any]]] = {
    "telemetry_id": _name,
    "user_id": _id,
    "slug": _name,
    "package_slug": _name,
    "package_id": _id,
    "asset_id": _ids,
    "asset_ids": _ids,
    "academy_id": _id,
    "cohort_id": _id,
    "agent": lambda value: agent_of({"agent": value}) or _DROPPED,
    "version": _version,
    "event": lambda value: value if value == BATCH else _DROPPED,
    "tutorial_started_at": _time,
    "last_interaction_at": _time,
    "workout_session": _sessions,
    "global_metrics": _figures,
    "global_indicators": _figures,
}


def kept_root(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Of the keys beside a document's steps those that are known, with values of their kind; null stays null."""
    kept = {}
    for name, kind in _ROOT.items():
        if name in payload:
            value = None if payload[name] is None else kind(payload[name])
            if value is not _DROPPED:
                kept[name] = value
    return kept


def kept_metrics(value: Any) -> dict[str, Any]:
    """The figures in a result of indicators that staff set, and the slugs and statuses of its steps.

    Staff may call figures of their own as programmers call things.
    """
    kept: dict[str, Any] = _metric("", value, _DEEPEST + 1, is_key)
    return kept


def _metric(name: str, value: Any, depth: int, known: Callable[[str], bool]) -> Any:
    kept: Any = _DROPPED
    if value is None or type(value) is bool:
        kept = value
    elif type(value) is str and name == "slug":
        kept = name_of(value)
    elif type(value) is str:
        kept = value if name == "status" and value in _STATUSES else _DROPPED
    elif type(value) is dict and depth:
        figures = ((key, _metric(key, item, depth - 1, known)) for key, item in value.items() if known(key))
        kept = {key: figure for key, figure in figures if figure is not _DROPPED}
    elif type(value) is list and depth:
        kept = [figure for item in value if (figure := _metric(name, item, depth - 1, known)) is not _DROPPED]
    else:
        kept = _number(value)
    return kept
