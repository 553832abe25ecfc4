"""Facts as xAPI 1.0.3 statements, by the profile in docs/export.md: ADL's verbs, and extensions for what they lack.

A statement is made of what identifies a fact and never changes of it, so that the same fact is the same statement
however often it is sent. It carries no code, output, messages or names of people: facts have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

import msgspec

if TYPE_CHECKING:
    from operations.export.actors import Actors

__all__ = ["PROFILE", "VERSION", "Fact", "Statements", "statement_id"]

VERSION: Final = "1.0.3"
PROFILE: Final = "urn:learnpack-telemetry:xapi:1"

# Of the ids of statements, for ever: with another one every fact would be told a second time.
_NAMESPACE: Final = UUID("6f0e8d0c-5c1b-5d0e-9d58-1f6d2f8f7a11")

_VERBS: Final = "http://adlnet.gov/expapi/verbs/"
_TYPES: Final = "http://adlnet.gov/expapi/activities/"
_NOTEBOOK: Final = "notebook"
_SYSTEM: Final = "learnpack-telemetry"
_PERCENT: Final = 100

# What a fact says by itself; a test says more by how it ended, and any event of a notebook's author is an interaction.
_VERB_OF: Final = {
    "start_tutorial": "launched",
    "start_session": "initialized",
    "start": "initialized",
    "open_step": "experienced",
    "complete_step": "completed",
    "compile": "interacted",
    "cell": "interacted",
    "ai_interaction": "asked",
    "quiz_submission": "answered",
}
_TEST_VERBS: Final = {True: "passed", False: "failed", None: "attempted"}
_OTHER: Final = "interacted"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `events`, as far as it leaves the system."""

    item_id: str
    event: str
    occurred_at: str
    actor: str
    academy_id: int | None
    asset_slug: str
    step_slug: str
    step_position: int | None
    exit_code: int | None
    succeeded: bool | None
    duration_ms: int | None
    error_type: str
    code_bytes: int | None
    output_bytes: int | None
    source: str
    properties: dict[str, Any]


def statement_id(item: str, *, voids: int | None = None, after: int | None = None) -> str:
    """The id of a fact's statement, or of the one that `voids` it at a version; `item` is what Actors.item gives.

    `after` is the version at which it was voided before, if it was: what is voided once is so for ever.
    """
    if voids is not None:
        return str(uuid5(_NAMESPACE, f"voided:{item}:{voids}"))
    return str(uuid5(_NAMESPACE, item if after is None else f"again:{item}:{after}"))


@dataclass(frozen=True, slots=True)
class Statements:
    """Makes statements; ids of activities and accounts begin with `homepage`, which must never change."""

    homepage: str
    actors: Actors

    def of(self, fact: Fact, after: int | None = None) -> dict[str, Any]:
        """The statement of a fact, which was voided `after` a version, if ever."""
        verb = _TEST_VERBS[fact.succeeded] if fact.event == "test" else _VERB_OF.get(fact.event, _OTHER)
        whole = self._whole(fact)
        statement = {
            "id": statement_id(self.actors.item(fact.item_id), after=after),
            "actor": self._agent(self.actors.name(fact.actor)),
            "verb": _verb(verb),
            "object": self._part(fact, whole) if fact.step_slug else whole,
            "timestamp": _instant(fact.occurred_at),
            "context": _context(fact, [whole] if fact.step_slug else []),
        }
        result = _result(fact)
        return {**statement, "result": result} if result else statement

    def taken_back(self, item_id: str, version: int, written_at: str, after: int | None = None) -> dict[str, Any]:
        """The statement that voids a fact's, the one `after` a version, since it is none any more."""
        item = self.actors.item(item_id)
        return {
            "id": statement_id(item, voids=version),
            "actor": self._agent(_SYSTEM),
            "verb": _verb("voided"),
            "object": {"objectType": "StatementRef", "id": statement_id(item, after=after)},
            "timestamp": _instant(written_at),
        }

    def mark(self) -> dict[str, Any]:
        """The one statement of a homepage, the same for all time, that says how students are named below it."""
        named = f"{PROFILE}:students:{self.actors.fingerprint}"
        return {
            "id": str(uuid5(_NAMESPACE, f"homepage:{self.homepage}")),
            "actor": self._agent(_SYSTEM),
            "verb": _verb("registered"),
            "object": {"objectType": "Activity", "id": named, "definition": {"type": f"{_TYPES}profile"}},
            "timestamp": "1970-01-01T00:00:00.000Z",
        }

    def _agent(self, name: str) -> dict[str, Any]:
        return {"objectType": "Agent", "account": {"homePage": self.homepage, "name": name}}

    def _whole(self, fact: Fact) -> dict[str, Any]:
        kind = "notebooks" if fact.source == _NOTEBOOK else "tutorials"
        return _activity(f"{self.homepage}/xapi/{kind}/{_segment(fact.asset_slug)}", "course", fact.asset_slug)

    def _part(self, fact: Fact, whole: dict[str, Any]) -> dict[str, Any]:
        return _activity(f"{whole['id']}/steps/{_segment(fact.step_slug)}", "lesson", fact.step_slug)


def _segment(slug: str) -> str:
    return quote(slug, safe="") or "unknown"


def _verb(name: str) -> dict[str, Any]:
    return {"id": f"{_VERBS}{name}", "display": {"en": name}}


def _activity(iri: str, kind: str, name: str) -> dict[str, Any]:
    named = {"name": {"en": name}} if name else {}
    return {"objectType": "Activity", "id": iri, "definition": {"type": f"{_TYPES}{kind}", **named}}


def _instant(text: str) -> str:
    """ClickHouse's `2026-03-02 08:00:00.000`, of UTC, as ISO 8601."""
    return f"{text.replace(' ', 'T')}Z"


def _context(fact: Fact, parents: list[dict[str, Any]]) -> dict[str, Any]:
    category = {"objectType": "Activity", "id": PROFILE, "definition": {"type": f"{_TYPES}profile"}}
    activities = {"category": [category], **({"parent": parents} if parents else {})}
    told = {"event": fact.event, "academy": fact.academy_id, "step-position": fact.step_position}
    return {"contextActivities": activities, "extensions": _extensions(told)}


def _result(fact: Fact) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if fact.succeeded is not None:
        result["success"] = fact.succeeded
    if fact.event == "complete_step":
        result["completion"] = True
    if fact.duration_ms is not None and fact.duration_ms >= 0:
        result["duration"] = f"PT{fact.duration_ms / 1000:.3f}S"
    percentage = fact.properties.get("percentage") if fact.event == "quiz_submission" else None
    if isinstance(percentage, int | float) and 0 <= percentage <= _PERCENT:
        result["score"] = {"scaled": percentage / _PERCENT}
    told = {
        "exit-code": fact.exit_code,
        "error-type": fact.error_type or None,
        "code-bytes": fact.code_bytes,
        "output-bytes": fact.output_bytes,
        "properties": {name: value for name, value in sorted(fact.properties.items()) if _is_plain(value)} or None,
    }
    extensions = _extensions(told)
    return {**result, "extensions": extensions} if extensions else result


def _extensions(told: dict[str, Any]) -> dict[str, Any]:
    return {f"{PROFILE}:{name}": value for name, value in told.items() if value is not None}


def _is_plain(value: Any) -> bool:
    """A number or a flag: texts stay here, even those that facts may have."""
    return isinstance(value, int | float)
