"""From a telemetry document as the client sent it to the slim one of the state.

It is lenient: clients of several versions wrote these documents, so any JSON value may stand in any place. What cannot
be read counts as absent; a list keeps its order, and every step its place.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from schemas.times import parse_time
from schemas.wire.names import name_of
from streams.core.state import MISSING, Attempt, Document, Quiz, Step, Timed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["items_of", "slim", "slim_attempt", "slim_interaction", "slim_quiz", "steps_of"]

# What packs into 64 bits.
_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1

# In characters: that of a SHA-256.
_LONGEST_HASH: Final = 64
_HASH: Final = re.compile(r"[A-Za-z0-9_.:+/=~-]*")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if type(item) is dict] if value and type(value) is list else []


def items_of(step: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """The items of one of a step's lists, in order; what is no object is left out.

    Index n of `compilations`, `tests`, `ai_interactions` and `quiz_submissions` is index n of the slim step's list.
    """
    return _objects(step.get(field))


def steps_of(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a document, in order; what is no object keeps its index as an empty one.

    Index n is index n of the slim document's steps.
    """
    steps = payload.get("steps")
    return [step if type(step) is dict else {} for step in steps] if type(steps) is list else []


def _integer(value: Any) -> int | None:
    return value if type(value) is int and _LOWEST <= value <= _HIGHEST else None


def _text(value: Any) -> str:
    """An identity of the clients, which is text; a number is taken as its digits."""
    if type(value) is str:
        return name_of(value)
    number = _integer(value)
    return "" if number is None else str(number)


def _hash(value: Any) -> str:
    """A quiz's hash; one that is too long to be kept with each submission, or a text, is known by a digest of it."""
    text = _text(value)
    if len(text) <= _LONGEST_HASH and _HASH.fullmatch(text):
        return text
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_LONGEST_HASH // 2).hexdigest()


def _slug(value: Any) -> str | float | None:
    """A step's slug as sent, so that the result shows it unchanged; null for what is no single value."""
    if type(value) is str:
        return name_of(value)
    if type(value) is float or type(value) is bool:
        return value
    return _integer(value)


def _code(code: Any) -> int | None:
    if type(code) is int:
        return code if _LOWEST <= code <= _HIGHEST else None
    # In the LMS a success is what equals 0, so false and 0.0 are successes too.
    return 0 if code == 0 else None


def slim_attempt(item: Mapping[str, Any]) -> Attempt:
    """A compilation or a test without its texts; `starting_at` and `ending_at` stand in for absent keys."""
    return Attempt(
        parse_time(item["started_at"] if "started_at" in item else item.get("starting_at")),
        parse_time(item["ended_at"] if "ended_at" in item else item.get("ending_at")),
        _code(item["exit_code"]) if "exit_code" in item else MISSING,
    )


def _attempts(value: Any) -> list[Attempt]:
    # As slim_attempt for each, without its calls: attempts are nine of ten items.
    attempts: list[Attempt] = []
    if type(value) is not list:
        return attempts
    for item in value:
        if type(item) is not dict:
            continue
        if "exit_code" in item:
            code = item["exit_code"]
            if type(code) is not int or not _LOWEST <= code <= _HIGHEST:
                code = _code(code)
        else:
            code = MISSING
        attempts.append(
            Attempt(
                parse_time(item["started_at"] if "started_at" in item else item.get("starting_at")),
                parse_time(item["ended_at"] if "ended_at" in item else item.get("ending_at")),
                code,
            )
        )
    return attempts


def slim_interaction(item: Mapping[str, Any]) -> Timed:
    """A question to the AI tutor without its texts; `starting_at` and `ending_at` stand in for absent keys."""
    return Timed(
        parse_time(item["started_at"] if "started_at" in item else item.get("starting_at")),
        parse_time(item["ended_at"] if "ended_at" in item else item.get("ending_at")),
    )


def slim_quiz(item: Mapping[str, Any]) -> Quiz:
    """A quiz submission without its answers."""
    return Quiz(
        parse_time(item["started_at"] if "started_at" in item else item.get("starting_at")),
        parse_time(item["ended_at"] if "ended_at" in item else item.get("ending_at")),
        item.get("status") == "SUCCESS",
        _hash(item.get("quiz_hash")),
    )


def _pending(elements: list[dict[str, Any]], quizzes: list[Quiz]) -> list[str]:
    """The hashes of the quizzes that are still to be passed."""
    passed = {quiz.quiz_hash for quiz in quizzes if quiz.passed}
    hashes = [
        _hash(element.get("hash"))
        for element in elements
        if element.get("type") == "quiz" and element.get("is_completed") is not True
    ]
    return [quiz_hash for quiz_hash in hashes if quiz_hash not in passed]


def _step(step: dict[str, Any], index: int) -> Step:
    get = step.get
    # Most lists of most steps are empty: ask before calling.
    elements = _objects(get("testeable_elements")) if get("testeable_elements") else []
    compilations = _attempts(get("compilations")) if get("compilations") else []
    tests = _attempts(get("tests")) if get("tests") else []
    quizzes = [slim_quiz(item) for item in _objects(get("quiz_submissions"))] if get("quiz_submissions") else []
    interactions = _objects(get("ai_interactions")) if get("ai_interactions") else []
    testable = get("is_testeable")
    position = get("position")
    slug = get("slug")
    opened = get("opened_at")
    completed = get("completed_at")
    return Step(
        _slug(slug),
        position if type(position) is int and _LOWEST <= position <= _HIGHEST else index,
        None if opened is None else parse_time(opened),
        None if completed is None else parse_time(completed),
        testable if type(testable) is bool else None,
        bool(elements),
        _pending(elements, quizzes) if elements else [],
        compilations,
        tests,
        [slim_interaction(item) for item in interactions] if interactions else [],
        quizzes,
    )


def slim(payload: Mapping[str, Any]) -> Document:
    """The document without its texts.

    It raises nothing, whatever JSON values `payload` (the merged webhook) holds; what it returns can be packed, so all
    numbers fit in 64 bits.
    """
    sessions = payload.get("workout_session")
    return Document(
        _text(payload.get("telemetry_id")),
        parse_time(payload.get("tutorial_started_at")),
        parse_time(payload.get("last_interaction_at")),
        len(sessions) if type(sessions) is list else 0,
        [_step(step, index) for index, step in enumerate(steps_of(payload))],
    )
