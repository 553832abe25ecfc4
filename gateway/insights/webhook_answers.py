"""What is answered about one webhook, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.insights.student_answers import ShownStudent

__all__ = ["STREAM_EXAMPLE", "TRACE_EXAMPLE", "Trace"]


class Told(BaseModel):
    """Facts that a webhook told first, by kind and step."""

    event: str
    step: str
    asset: str
    student: str
    facts: int


class State(BaseModel):
    """A row of scores or documents that its facts are about; `by_it` is 1 where nothing has changed it since."""

    student: str
    asset: str
    version: int
    by_it: int
    changed_at: str


class Letter(BaseModel):
    """A dead letter of it."""

    id: int
    stage: str
    why: str
    resolution: str
    received_at: str


class Trace(BaseModel):
    """A webhook's way, from its record to the rows that it left."""

    id: int
    partition: int = Field(description="Of the raw topic.")
    offset: int
    receipt: str | None
    source: str | None
    payload_bytes: int | None = Field(description="Null where its own row is not there.")
    event: str | None
    is_streaming: bool | None
    student: ShownStudent | None
    package_slug: str | None
    asset_id: int | None
    status: str | None = Field(description="Null where the outcome has expired, and with it what it says else.")
    status_text: str | None
    verdict: str | None
    received_at: str
    waits_for: str | None = Field(
        description="`outcome` before it is processed, `raw` where its own row is not there yet."
    )
    raw_expired: bool = Field(description="Whether its own row is no longer kept, and its receipt and payload with it.")
    outcome_expired: bool = Field(description="Whether its outcome is no longer kept: the facts that it told are.")
    facts: list[Told]
    scores: list[State]
    documents: list[State]
    dead_letters: list[Letter]
    more: list[str] = Field(description="Of what there is more than is shown.")


_STATE: Final[dict[str, Any]] = {
    "student": "1234",
    "asset": "javascript-arrays-intro",
    "version": 9012,
    "by_it": 1,
    "changed_at": "2026-04-15T10:39:11.120Z",
}
TRACE_EXAMPLE: Final[dict[str, Any]] = {
    "id": 9012,
    "partition": 0,
    "offset": 9012,
    "receipt": "6d4a0c9e-0b0f-4b67-9c2e-0a4f6f3f9b11",
    "source": "learnpack",
    "payload_bytes": 412,
    "event": "test",
    "is_streaming": True,
    "student": {"id": 1234, "first_name": "Ada", "last_name": "Lovelace"},
    "package_slug": "javascript-arrays-intro",
    "asset_id": 301,
    "status": "DONE",
    "status_text": "OK",
    "verdict": "stored",
    "received_at": "2026-04-15T10:39:11.120Z",
    "waits_for": None,
    "raw_expired": False,
    "outcome_expired": False,
    "facts": [
        {
            "event": "test",
            "step": "05-loops",
            "asset": "javascript-arrays-intro",
            "student": "1234",
            "facts": 1,
        }
    ],
    "scores": [_STATE],
    "documents": [],
    "dead_letters": [],
    "more": [],
}
STREAM_EXAMPLE: Final = """retry: 2000

event: watching
data: {}

id: 9012
event: webhook
data: {"id": 9012, "is_streaming": true, "event": "test", "asset_id": 301, "package_slug": "javascript-arrays-intro", …}

"""
