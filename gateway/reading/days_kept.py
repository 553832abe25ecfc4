"""How long webhooks are kept, as the tables say it, whatever is set here; asked once a minute for all who look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.days_kept import DAYS_KEPT, days_kept_of

if TYPE_CHECKING:
    from gateway.reading.questions import Questions
    from schemas.days_kept import DaysKept
    from schemas.settings import Settings

__all__ = ["days_kept", "log_days"]

_SECONDS: Final = 60.0


async def days_kept(questions: Questions, settings: Settings) -> DaysKept:
    """For how many days webhooks and their outcomes are kept; raises ReadError."""
    parameters = {"databases": [settings.database]}
    rows = await questions.keep("days kept", lambda: questions.ahead(DAYS_KEPT, parameters), _SECONDS)
    return days_kept_of(rows)


async def log_days(questions: Questions, settings: Settings) -> int:
    """For how many days the log of webhooks goes back, by the setting where no view says it; raises ReadError."""
    found = (await days_kept(questions, settings)).log
    return settings.webhook_retention_days if found is None else found
