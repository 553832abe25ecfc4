"""What operators are answered about dead letters, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

__all__ = [
    "CHANGED_EXAMPLE",
    "LETTERS_EXAMPLE",
    "LETTER_EXAMPLE",
    "RETRIED_EXAMPLE",
    "Changed",
    "Letters",
    "Retried",
    "WholeLetter",
]


class Letter(BaseModel):
    """A record that could not be processed: where it came from and failed, and what became of it."""

    id: int
    topic: str
    partition: int
    offset: int
    line: int = Field(description="Of a record of many lines, from 0; -1 for the whole record.")
    stage: str
    why: str
    resolution: str = Field(description="Empty while it waits, then `retried` or `dropped`.")
    written_at: str
    failed_at: str
    size: int = Field(description="Of the value, in bytes.")


class WholeLetter(Letter):
    """The same with the record: `value` is null where there was none, and cut where `truncated`."""

    trace: str
    key: str | None
    value: str | None
    truncated: bool
    headers: dict[str, str]


class LetterGroup(BaseModel):
    """Dead letters that failed alike."""

    topic: str
    stage: str
    why: str
    letters: int
    newest_at: str


class Letters(BaseModel):
    """A page of dead letters, and the largest groups of all that pass."""

    groups: list[LetterGroup]
    count: int
    next: str | None
    previous: str | None
    results: list[Letter]


class Retried(BaseModel):
    """How many were sent again or would be, and by id why others were left."""

    preview: bool
    count: int
    left: dict[str, str]
    results: list[Letter]


class WouldBe(BaseModel):
    """What the worker would make of a webhook of a student of whom nothing is known, as the log would have it."""

    status: str
    verdict: str
    status_text: str


class Changed(BaseModel):
    """A value as the patch leaves it, and how many were sent; of what is only shown, what would become of it."""

    preview: bool
    count: int
    value: Any
    outcome: WouldBe | None = Field(description="Null of what was sent, and of what is no webhook.")


_LETTER: Final[dict[str, Any]] = {
    "id": 17,
    "topic": "learnpack.webhooks.raw",
    "partition": 0,
    "offset": 9012,
    "line": -1,
    "stage": "decode",
    "why": "not JSON: unexpected character",
    "resolution": "",
    "written_at": "2026-04-15T10:39:11.120Z",
    "failed_at": "2026-04-15T10:39:11.310Z",
    "size": 12,
}
_GROUP: Final[dict[str, Any]] = {
    "topic": "learnpack.webhooks.raw",
    "stage": "decode",
    "why": "not JSON: unexpected character",
    "letters": 1,
    "newest_at": "2026-04-15T10:39:11.310Z",
}
LETTERS_EXAMPLE: Final[dict[str, Any]] = {
    "groups": [_GROUP],
    "count": 1,
    "next": None,
    "previous": None,
    "results": [_LETTER],
}
LETTER_EXAMPLE: Final[dict[str, Any]] = {
    **_LETTER,
    "trace": "",
    "key": "1234",
    "value": "{not JSON",
    "truncated": False,
    "headers": {"academy": "1", "source": "learnpack"},
}
CHANGED_EXAMPLE: Final[dict[str, Any]] = {
    "preview": True,
    "count": 1,
    "value": {"user_id": 1234, "slug": "javascript-arrays-intro", "event": "open_step"},
    "outcome": {"status": "DONE", "verdict": "stored", "status_text": "OK"},
}
RETRIED_EXAMPLE: Final[dict[str, Any]] = {"preview": True, "count": 1, "left": {}, "results": [_LETTER]}
