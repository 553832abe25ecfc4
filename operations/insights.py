"""Who is stuck and why scores are what they are, as operators ask: by the gateway's own questions, of all academies."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.days import DaySpan
from gateway.insights.sight import Sight
from gateway.insights.stuck import find_stuck
from gateway.insights.work import find_explanation, find_scores
from gateway.reading.questions import Questions
from gateway.reading.store import ClickHouse, ReadError
from operations.cut import printable
from operations.directory import load_reference
from schemas.coercion import digits_as_id
from schemas.errors import OperatorError
from schemas.wire.webhook import normal_user_id
from streams.core.indicators.explain import explained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from gateway.insights.stuck import StuckRule
    from schemas.settings import Settings

__all__ = ["Everybody", "UnknownWorkError", "explain_work", "opened_store", "stuck_now"]

# The directory's ids begin with 1.
_NO_ACADEMY: Final = 0
_MOST_NAMED: Final = 20


class UnknownWorkError(OperatorError, LookupError):
    """Nothing is known of what a student did in a tutorial."""


@dataclass(frozen=True, slots=True)
class Everybody(Sight):
    """What operators see: every student, webhook and tutorial, whosever they are."""

    academy: int = _NO_ACADEMY
    strict: bool = False

    def sees(self, _user_id: int | None) -> bool:
        """Always."""
        return True

    def sees_webhook(self, _academies: Collection[int], _user_id: int | None) -> bool:
        """Always."""
        return True

    def narrowed(self) -> dict[str, Any]:
        """Nobody is left out."""
        return {"everyone": 1, "only": []}

    def student(self, user_id: int | None) -> dict[str, Any]:
        """Id and names; names are null where the directory knows none."""
        user = None if user_id is None else self.reference.user(user_id)
        first, last = (None, None) if user is None else (user.first_name, user.last_name)
        return {"id": user_id, "first_name": first, "last_name": last}


@contextlib.asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[ClickHouse]:
    """ClickHouse as the gateway reads it, for a while; of what fails the errors of its client are raised."""
    store = ClickHouse(settings)
    try:
        yield store
    except ReadError as error:
        # They tell whether it is away, and where.
        raise error.__cause__ or error from None
    finally:
        await store.close()


async def stuck_now(
    settings: Settings, rule: StuckRule, tutorials: Sequence[str] = (), cohort: str = "", academy: int | None = None
) -> list[dict[str, Any]]:
    """Who is stuck, as `students/stuck` answers: everybody, or whom staff of an academy see.

    Raises the errors of Kafka and ClickHouse.
    """
    reference = await load_reference(settings)
    everybody, strict = Everybody(reference), settings.directory == "strict"
    sight = everybody if academy is None else Sight(reference, academy, strict)
    async with opened_store(settings) as store:
        return await find_stuck(Questions(store), sight, rule, tutorials, cohort)


async def explain_work(settings: Settings, student: str, tutorial: str) -> dict[str, Any]:
    """The scores of a student's tutorial and why they are what they are, as `students/{id}/assets/{slug}` answers.

    `student` is a user id, or the name of whoever has none. Raises UnknownWorkError where nothing was computed, and the
    errors of Kafka and ClickHouse.
    """
    sight, actor = Everybody(await load_reference(settings)), normal_user_id(student) or student
    slug, today = sight.tutorial(tutorial), datetime.now(UTC).date()
    async with opened_store(settings) as store:
        questions, days = Questions(store), DaySpan(today, today)
        found = await find_scores(questions, sight, actor, days, slug)
        if not found or not slug:
            raise _unknown(actor, tutorial, await find_scores(questions, sight, actor, days))
        scores = {name: value for name, value in found[0].items() if name != "days"}
        return {
            "student": sight.student(digits_as_id(actor)),
            "actor": actor,
            "asset_slug": slug,
            "asset_title": sight.title(slug),
            "scores": scores,
            "explanation": await find_explanation(questions, explained, actor, scores),
        }


def _unknown(actor: str, tutorial: str, others: Sequence[dict[str, Any]]) -> UnknownWorkError:
    if not others:
        return UnknownWorkError(
            f"no scores of student {printable(actor)} are stored; give a user id, or the name of a student without one."
        )
    names = ", ".join(printable(row["asset_slug"], 100) for row in others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    where = f"{printable(actor)} in {printable(tutorial)}"
    return UnknownWorkError(f"no scores of student {where} are stored; there are those in {names}{more}.")
