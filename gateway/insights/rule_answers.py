"""What is answered about ignore rules, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from schemas.vocabulary import ignored_by_rule

__all__ = ["TRIAL_EXAMPLE", "Trial"]


class Trial(BaseModel):
    """Webhooks of how many students would have met the rules, and how many of both would have been ignored."""

    webhooks: int
    students: int
    ignored: int
    ignored_students: int
    rules: dict[str, int] = Field(description="Ignored ones by the text of the verdict, which names the rule's fields.")
    before: dict[str, int] = Field(description="Ignored ones by what was made of them when they came.")
    warnings: list[str] = Field(description="What is probably not meant, such as an unknown field.")


TRIAL_EXAMPLE: Final[dict[str, Any]] = {
    "webhooks": 10_031,
    "students": 214,
    "ignored": 1_204,
    "ignored_students": 37,
    "rules": {ignored_by_rule(("learnpack_package_ids", "events")): 1_204},
    "before": {"stored": 1_180, "duplicate": 24},
    "warnings": [],
}
