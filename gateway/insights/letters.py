"""Dead letters: what could not be processed and why, in groups, in a list and one by one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.sql_letters import LETTER, LETTER_COUNT, LETTER_GROUPS, LETTER_IDS, LETTERS
from gateway.reading.shown import iso_instant
from schemas.redaction import redacted_body

if TYPE_CHECKING:
    from gateway.reading.questions import Questions

__all__ = ["MOST_AT_ONCE", "STATES", "LetterFilters", "find_groups", "find_ids", "find_letter", "find_letters"]

# What `state` may name, with the resolution that the table has.
STATES: Final = {"waiting": "", "retried": "retried", "dropped": "dropped", "all": None}

# Letters that are resolved at one request.
MOST_AT_ONCE: Final = 1_000

_VALUE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LetterFilters:
    """Which dead letters are wanted; what is empty lets all pass. `reason` is a part of theirs."""

    state: str = "waiting"
    topic: str = ""
    stage: str = ""
    reason: str = ""
    ids: tuple[int, ...] = ()

    def parameters(self, **more: Any) -> dict[str, Any]:
        """The filters, and more, as parameters of a question."""
        resolution = STATES[self.state]
        return {
            "every": 1 if resolution is None else 0,
            "resolution": resolution or "",
            "topic": self.topic,
            "stage": self.stage,
            "reason": self.reason,
            "ids": list(self.ids),
            **more,
        }


async def find_letters(
    questions: Questions, filters: LetterFilters, *, limit: int, offset: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many dead letters pass, and those at these places, the newest first; raises BusyError and ReadError."""
    counted, rows = await asyncio.gather(
        questions.rows(LETTER_COUNT, filters.parameters()),
        questions.rows(LETTERS, filters.parameters(limit=limit, offset=offset)),
    )
    return counted[0]["letters"], [_shown(row) for row in rows]


async def find_groups(questions: Questions, filters: LetterFilters) -> list[dict[str, Any]]:
    """The hundred largest groups of dead letters that failed alike; raises BusyError and ReadError."""
    return [_shown(row) for row in await questions.rows(LETTER_GROUPS, filters.parameters())]


async def find_ids(questions: Questions, filters: LetterFilters) -> list[int]:
    """The ids of the dead letters that pass, the oldest first, at most a thousand; raises BusyError and ReadError."""
    return [row["id"] for row in await questions.rows(LETTER_IDS, filters.parameters(limit=MOST_AT_ONCE))]


async def find_letter(questions: Questions, letter: int, redact: frozenset[str]) -> dict[str, Any] | None:
    """One dead letter with its value as a text, None where there is none of this id; raises BusyError and ReadError.

    The value lacks the keys of `redact`, and ends after a mebibyte.
    """
    rows = await questions.rows(LETTER, {"id": letter, "most": _VALUE_BYTES}, as_bytes=("shown_value",))
    if not rows:
        return None
    row = rows[0]
    value: bytes | None = row.pop("shown_value")
    if value is not None and redact:
        value = redacted_body(value, redact)
    text = None if value is None else value.decode("utf-8", "replace")
    return {**_shown(row), "value": text, "truncated": row["size"] > _VALUE_BYTES}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso_instant(value) if name.endswith("_at") else value for name, value in row.items()}
