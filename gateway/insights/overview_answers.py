"""What the overview is answered as, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.insights.system_answers import SYSTEM_EXAMPLE, System

__all__ = ["OVERVIEW_EXAMPLE", "Overview"]


class Verdicts(BaseModel):
    """How many webhooks were received and what became of them; `pending` have no outcome yet."""

    received: int
    stored: int
    ignored: int
    duplicate: int
    stale: int
    error: int
    dead: int
    pending: int


class Minute(Verdicts):
    """A UTC minute of arrival."""

    minute: str


class LedgerDay(Verdicts):
    """A UTC day of arrival."""

    day: str
    difference: int = Field(description="`received` minus all the others: 0, or something is lost or made up.")


class Freshness(BaseModel):
    """The newest webhook that can be seen, null where none came in `since`."""

    newest_webhook_at: str | None
    age_seconds: float | None


class Overview(BaseModel):
    """What is going on in an academy."""

    freshness: Freshness
    active_students: int = Field(description="Students of whom anything new was told since the UTC day began.")
    received: list[Minute] = Field(description="Minutes in which anything came, oldest first.")
    ledger: list[LedgerDay] = Field(description="The last seven days on which anything came.")
    system: System | None = Field(
        description="For callers with `operate_telemetry` in any academy: null for others, and where nobody knows."
    )


_VERDICTS: Final = {
    "received": 12,
    "stored": 9,
    "ignored": 2,
    "duplicate": 1,
    "stale": 0,
    "error": 0,
    "dead": 0,
    "pending": 0,
}
OVERVIEW_EXAMPLE: Final[dict[str, Any]] = {
    "freshness": {"newest_webhook_at": "2026-04-15T10:39:58.120Z", "age_seconds": 2.1},
    "active_students": 214,
    "received": [{"minute": "2026-04-15T10:39:00.000Z", **_VERDICTS}],
    "ledger": [{"day": "2026-04-15", **_VERDICTS, "difference": 0}],
    "system": SYSTEM_EXAMPLE,
}
