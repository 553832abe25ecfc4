"""Dead letters: what could not be processed and why, in groups, in a list and one by one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.insights.sql_letters import LETTER, LETTER_AGAIN, LETTER_COUNT, LETTER_GROUPS, LETTER_IDS, LETTERS
from gateway.insights.thread_reference import for_thread
from gateway.operating import Webhook
from gateway.reading.shown import iso_instant
from schemas.json_patch import patched, readable
from schemas.redaction import redacted_body
from schemas.wire.headers import readable_headers
from schemas.wire.topics import Topics
from schemas.wire.webhook import webhook_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.api.services import Services
    from gateway.operating import Judged, Operating
    from gateway.reading.questions import Questions
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

__all__ = [
    "MOST_AT_ONCE",
    "MOST_GROUPS",
    "STATES",
    "LetterFilters",
    "count_letters",
    "find_again",
    "find_groups",
    "find_ids",
    "find_letter",
    "find_letters",
    "judged",
    "judged_again",
    "outcome_of",
    "patched_letter",
    "webhook_of",
]

# What `state` may name, with the resolution that the table has.
STATES: Final = {"waiting": "", "retried": "retried", "dropped": "dropped", "all": None}

# Letters that are resolved at one request.
MOST_AT_ONCE: Final = 1_000

# Groups of those that failed alike, the largest.
MOST_GROUPS: Final = 100

_VALUE_BYTES: Final = 1 << 20

# The verdict of what the worker gives up.
_DEAD: Final = "dead"

# Whoever looks at many letters waits for a few to be judged: none that is large, and no longer than this.
_JUDGED_BYTES: Final = 256 << 10
_JUDGED_SECONDS: Final = 2.0


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


async def count_letters(questions: Questions, filters: LetterFilters) -> int:
    """How many dead letters pass; raises BusyError and ReadError."""
    return int((await questions.rows(LETTER_COUNT, filters.parameters()))[0]["letters"])


async def find_letters(
    questions: Questions, filters: LetterFilters, *, limit: int, offset: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many dead letters pass, and those at these places, the newest first; raises BusyError and ReadError."""
    count, rows = await asyncio.gather(
        count_letters(questions, filters),
        questions.rows(LETTERS, filters.parameters(limit=limit, offset=offset)),
    )
    return count, [_shown(row) for row in rows]


async def find_groups(questions: Questions, filters: LetterFilters) -> list[dict[str, Any]]:
    """The hundred largest groups of dead letters that failed alike; raises BusyError and ReadError."""
    return [_shown(row) for row in await questions.rows(LETTER_GROUPS, filters.parameters(limit=MOST_GROUPS))]


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


async def patched_letter(letter: dict[str, Any], patch: Any) -> Any:
    """The value of a dead letter (of `find_letter`) after a JSON Patch; raises schemas.json_patch.PatchError."""
    return await asyncio.to_thread(lambda: patched(readable((letter["value"] or "").encode()), patch))


async def judged(services: Services, operating: Operating, letter: dict[str, Any], value: Any) -> Judged | None:
    """What the worker would make of a dead letter (of `find_letter`) with another value; None of what is no webhook.

    Bytes are a value as it is, anything else one of JSON. Nothing comes of it. Of the student nothing is known to
    whoever judges, and of the value not what is redacted.
    """
    if letter["topic"] != Topics.of(services.settings).raw:
        return None
    # Large documents take tenths of a second.
    return await asyncio.to_thread(_judged, operating, letter, value, for_thread(services.reference))


async def judged_again(services: Services, operating: Operating, letters: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many of some dead letters (of `find_letters`) the worker was asked about, and how many of them fail again.

    Those that are no webhooks or large are left out, and what is not judged within two seconds. Raises BusyError and
    ReadError.
    """
    asked = failing = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_JUDGED_SECONDS):
            for one in letters:
                whole = None
                if one["size"] <= _JUDGED_BYTES:
                    whole = await find_letter(services.questions, one["id"], services.settings.redacted_keys)
                if whole is None:
                    continue
                would_be = await judged(services, operating, whole, (whole["value"] or "").encode())
                asked += would_be is not None
                failing += would_be is not None and would_be.verdict == _DEAD
    return asked, failing


def _judged(operating: Operating, letter: dict[str, Any], value: Any, reference: Reference) -> Judged:
    key = letter["key"]
    webhook = Webhook(
        letter["partition"],
        letter["offset"],
        int(datetime.fromisoformat(letter["written_at"]).timestamp() * 1000),
        None if key is None else key.encode("utf-8", "surrogateescape"),
        value if isinstance(value, bytes) else orjson.dumps(value),
        _headers(letter),
    )
    return operating.judge(webhook, reference)


def webhook_of(settings: Settings, letter: dict[str, Any]) -> int | None:
    """The id of the webhook that a dead letter is, which it keeps when it is sent again; None of what is no webhook."""
    if letter["topic"] != Topics.of(settings).raw:
        return None
    return webhook_id(letter["partition"], letter["offset"], readable_headers(_headers(letter)))


async def find_again(questions: Questions, settings: Settings, letter: dict[str, Any]) -> int | None:
    """The newest later letter of the same webhook, None where there is none; raises BusyError and ReadError."""
    sought = {
        "topic": letter["topic"],
        "webhook": webhook_of(settings, letter) or 0,
        "after": datetime.fromisoformat(letter["failed_at"]),
        "id": letter["id"],
    }
    rows = await questions.rows(LETTER_AGAIN, sought)
    return rows[0]["id"] if rows else None


def _headers(letter: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode("utf-8", "surrogateescape")) for name, text in letter["headers"].items())


def outcome_of(would_be: Judged) -> dict[str, str]:
    """The same as answers have it."""
    return {"status": would_be.status, "verdict": would_be.verdict, "status_text": would_be.text}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso_instant(value) if name.endswith("_at") else value for name, value in row.items()}
