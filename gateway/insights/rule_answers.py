"""What is answered about ignore rules, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.insights.student_answers import ShownStudent
from schemas.vocabulary import ignored_by_rule
from schemas.wire.rule_changes import Way

__all__ = ["HISTORY_EXAMPLE", "TRIAL_EXAMPLE", "RuleHistoryPage", "Trial"]


class Example(BaseModel):
    """A webhook that would have been ignored; `rule` is the text of the verdict."""

    id: int
    rule: str
    student: ShownStudent | None = Field(description="Null where it names none.")
    event: str
    package_slug: str | None


class Trial(BaseModel):
    """Webhooks of how many students would have met the rules, and how many of both would have been ignored."""

    webhooks: int
    students: int
    ignored: int
    ignored_students: int
    rules: dict[str, int] = Field(description="Ignored ones by the text of the verdict, which names the rule's fields.")
    before: dict[str, int] = Field(description="Ignored ones by what was made of them when they came.")
    examples: list[Example] = Field(description="The last three of each rule.")
    warnings: list[str] = Field(description="What is probably not meant, such as an unknown field.")


TRIAL_EXAMPLE: Final[dict[str, Any]] = {
    "webhooks": 10_031,
    "students": 214,
    "ignored": 1_204,
    "ignored_students": 37,
    "rules": {ignored_by_rule(("learnpack_package_ids", "events")): 1_204},
    "before": {"stored": 1_180, "duplicate": 24},
    "examples": [
        {
            "id": 9012,
            "rule": ignored_by_rule(("learnpack_package_ids", "events")),
            "student": {"id": 1234, "first_name": "Ada", "last_name": "Lovelace"},
            "event": "open_step",
            "package_slug": "javascript-arrays-intro",
        }
    ],
    "warnings": [],
}


class ChangedBy(BaseModel):
    """Who changed rules: null where it is not known, as of a command, which has no token."""

    via: Way
    user: ShownStudent | None
    token: str | None = Field(description="The first 16 digits of its SHA-256, as `token list` shows them.")
    name: str | None = Field(description="The token's label, or who was logged in where a command ran.")


class RuleChange(BaseModel):
    """A change of an academy's ignore rules; `{}` is no rules."""

    at: str
    who: ChangedBy
    before: dict[str, Any] | None = Field(description="Null where both together were too large to be kept.")
    after: dict[str, Any]


class RuleHistoryPage(BaseModel):
    """A page of changes, the newest first; `count` of those that a gateway has in memory."""

    count: int
    next: str | None
    previous: str | None
    results: list[RuleChange]


HISTORY_EXAMPLE: Final[dict[str, Any]] = {
    "count": 1,
    "next": None,
    "previous": None,
    "results": [
        {
            "at": "2026-04-15T10:39:11.120Z",
            "who": {
                "via": "api",
                "user": {"id": 1, "first_name": "Ada", "last_name": "Lovelace"},
                "token": "9f86d081884c7d65",
                "name": "desk",
            },
            "before": {},
            "after": {"rules": [{"learnpack_package_ids": [13190], "events": ["batch"]}]},
        }
    ],
}
