"""For how many days webhooks are kept, as the tables that there are say it (pure).

A setting says what `setup` is to make of them. Whoever asks later may have another one, or none, and what it says of
their rows would be wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.wire.rows import RAW, WEBHOOKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DAYS_KEPT", "MARGIN_DAYS", "DaysKept", "days_kept_of", "ttl_days"]

# A webhook's outcome outlives the days of the views, see sinks/ddl/tables/030_webhooks.sql.
MARGIN_DAYS: Final = 2

_LOG: Final = "webhook_log"
# Of the databases that a user may see: those who only read see the public one alone.
DAYS_KEPT: Final = f"""
SELECT name, engine_full, as_select FROM system.tables
WHERE database IN {{databases:Array(String)}} AND name IN ('{RAW.name}', '{WEBHOOKS.name}', '{_LOG}')
"""  # noqa: S608 - names are our own

_TTL: Final = re.compile(r"toIntervalDay\((\d+)\)")
_OLDEST: Final = re.compile(r"now\(\) - toIntervalDay\((\d+)\)")


@dataclass(frozen=True, slots=True)
class DaysKept:
    """Days from a webhook's arrival: None where nothing is removed, or nobody says.

    Attributes:
        raw: After these its row leaves the table `raw`.
        outcomes: After these what became of it leaves the table `webhooks`.
        log: So far the view `webhook_log`, which people look at, goes back.
    """

    raw: int | None
    outcomes: int | None
    log: int | None


def ttl_days(engine: str) -> int | None:
    """The days that a table keeps rows, by its engine with all that follows; None where it keeps them for ever."""
    found = _TTL.search(engine)
    return None if found is None else int(found[1])


def days_kept_of(rows: Iterable[Mapping[str, Any]]) -> DaysKept:
    """What the rows of DAYS_KEPT say; of a table of outcomes that the user may not see, what the log says of it."""
    engines: dict[str, str] = {}
    log = None
    for row in rows:
        if row["name"] == _LOG:
            oldest = _OLDEST.search(row["as_select"])
            log = None if oldest is None else int(oldest[1])
        elif row["engine_full"]:
            # What is public under the name of a table of outcomes is a view, and has no engine.
            engines[row["name"]] = row["engine_full"]
    outcomes = None if log is None else log + MARGIN_DAYS
    if WEBHOOKS.name in engines:
        outcomes = ttl_days(engines[WEBHOOKS.name])
    return DaysKept(ttl_days(engines.get(RAW.name, "")), outcomes, log)
