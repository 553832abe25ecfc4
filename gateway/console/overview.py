"""The first page: is it working, what came in, who needs somebody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.api.pages import address_of
from gateway.console.charts import shares, stacked
from gateway.console.formats import instant_of
from gateway.console.letters import letters_told
from gateway.console.lists import api_call
from gateway.console.operations import summary
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, showing, to_page
from gateway.console.words import say
from gateway.insights.letters import LetterFilters, count_letters, find_groups
from gateway.insights.overview import find_overdue, find_overview
from gateway.operating import OPERATE
from gateway.reading.shown import iso_instant
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.charts import Bars
    from gateway.console.formats import Formats
    from gateway.console.visitor import Visitor

__all__ = [
    "PLACE",
    "ROUTES",
    "SPANS",
    "VERDICTS",
    "Condition",
    "condition",
    "minutes_by_bucket",
    "troubles",
]

# What became of a webhook, from the best to the worst.
VERDICTS: Final = ("stored", "ignored", "duplicate", "stale", "pending", "error", "dead")

# How far back, in minutes, and how many minutes a bar stands for.
SPANS: Final = {"1h": (60, 1), "6h": (360, 5), "24h": (1440, 20)}
_SPAN: Final = "6h"

# What is asked a lot of: a tenth of a day's webhooks that are ignored is a rule at work, a fifth is worth a look.
_MANY_IGNORED: Final = 0.2
# What was taken this moment is on its way.
_USUAL_SECONDS: Final = 5.0
# A worker and a sink that work are two seconds behind at most.
_LATE_SECONDS: Final = 10.0


class Condition(NamedTuple):
    """Whether it works: `kind` is `ok`, `wait`, `bad` or `none`, `key` what is said, with these values."""

    kind: str
    key: str
    values: dict[str, Any]


def condition(overview: dict[str, Any], now: datetime, overdue: int) -> Condition:
    """The sentence that stands above all: what is wrong, if anything is.

    A day whose webhooks have neither an outcome nor wait for one is worse than any that wait, and of these those are
    worst that came before what is shown: `overdue` is their number.
    """
    ledger: list[dict[str, Any]] = overview["ledger"]
    if not ledger and not overview["received"]:
        return Condition("none", "overview.nothing", {})
    wrong = next((day for day in reversed(ledger) if day["difference"]), None)
    if wrong is not None:
        return Condition("bad", "overview.lost", {"day": wrong["day"], "count": wrong["difference"]})
    since = next((row["minute"] for row in overview["received"] if row["pending"]), None)
    seen = sum(row["pending"] for row in overview["received"])
    if overdue:
        return Condition("bad", "overview.waits.long", {"count": overdue + seen})
    if since is None:
        return Condition("ok", "overview.well", {})
    seconds = max(0.0, (now - instant_of(since)).total_seconds() - 60)
    kind = "ok" if seconds < _USUAL_SECONDS else "wait"
    key = "overview.well" if kind == "ok" else "overview.waits"
    return Condition(kind, key, {} if kind == "ok" else {"count": seen, "seconds": seconds})


def minutes_by_bucket(
    received: Sequence[dict[str, Any]], now: datetime, minutes: int, breadth: int
) -> list[tuple[str, dict[str, int]]]:
    """Webhooks by verdict in spans of `breadth` minutes, the oldest first; those without any are in it, too."""
    step = timedelta(minutes=breadth)
    count = minutes // breadth
    last = datetime.fromtimestamp(now.timestamp() // step.total_seconds() * step.total_seconds(), tz=UTC)
    first = last - step * (count - 1)
    buckets: list[dict[str, int]] = [dict.fromkeys(VERDICTS, 0) for _ in range(count)]
    for row in received:
        # What is older than the first whole span is left out, so that no bar is of a part of one.
        place = (instant_of(row["minute"]) - first) // step
        if 0 <= place < count:
            for verdict in VERDICTS:
                buckets[place][verdict] += row[verdict]
    return [(iso_instant(first + step * place), bucket) for place, bucket in enumerate(buckets)]


async def _show(request: Request, visitor: Visitor) -> Response:
    if visitor.session.academy is None and visitor.may(OPERATE):
        # Who only operates the system has no academy to look at.
        return to_page("/operations")
    visitor.require(READ)
    span = request.query_params.get("since", _SPAN)
    span = span if span in SPANS else _SPAN
    minutes, breadth = SPANS[span]
    questions, sight = visitor.console.services.questions, visitor.sight
    overview, stuck, system, letters = await asyncio.gather(
        find_overview(questions, sight, minutes),
        visitor.console.stuck(questions, sight),
        _system(visitor),
        _letters(visitor),
    )
    now = datetime.fromtimestamp(visitor.now, tz=UTC)
    columns = minutes_by_bucket(overview["received"], now, minutes, breadth)
    waiting = sum(day["pending"] for day in overview["ledger"])
    # Nearly always none waits, or those that do came just now: then nothing is to be asked.
    seen = sum(row["pending"] for row in overview["received"])
    overdue = await find_overdue(questions, visitor.academy, minutes) if waiting > seen else 0
    state = condition(overview, now, overdue)
    chart: Bars = stacked(columns, VERDICTS)
    today = next((day for day in overview["ledger"] if day["day"] == f"{now:%Y-%m-%d}"), None)
    return await render(
        request,
        "overview.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        overview=overview,
        kind=state.kind,
        sentence=_sentence(visitor, state),
        waiting=waiting,
        span=span,
        spans=SPANS,
        breadth=breadth,
        chart=chart,
        columns=columns,
        any=any(bar.total for bar in chart.bars),
        ledger=[(day, shares(day, VERDICTS)) for day in reversed(overview["ledger"])],
        verdicts=VERDICTS,
        stuck=stuck,
        troubles=[] if system is None else troubles(visitor.formats, system),
        letters=letters_told(visitor.formats, *letters),
        stuck_address=f"{PREFIX}/stuck",
        log=_log,
        today=today,
        ignored=today is not None and today["ignored"] >= _MANY_IGNORED * today["received"] > 0,
        call=api_call(request, "/overview", visitor.academy, {"since": span}),
        queries=(
            visitor.sql.minutes(visitor.academy, minutes, sight.reference.members(visitor.academy)),
            visitor.sql.ledger(visitor.academy),
        ),
        first=_first_line(request, visitor.academy),
    )


async def _system(visitor: Visitor) -> dict[str, Any] | None:
    return await visitor.console.system.lately() if visitor.may(OPERATE) else None


async def _letters(visitor: Visitor) -> tuple[int, list[dict[str, Any]]]:
    if not visitor.may(OPERATE):
        return 0, []
    questions, waiting = visitor.console.services.questions, LetterFilters()
    count, groups = await asyncio.gather(count_letters(questions, waiting), find_groups(questions, waiting))
    return count, groups


def troubles(formats: Formats, system: Mapping[str, Any]) -> list[str]:
    """What is wrong with the whole system, for operators: parts, what waits on the disk, what is behind."""
    language = formats.language
    said = [] if system["healthy"] else [summary(language, system["parts"])]
    spool, behind = system["spool"], max((row["seconds"] for row in system["lag"]), default=0.0)
    if spool["records"]:
        count = formats.number(spool["records"])
        said.append(
            say(language, "overview.attention.spool", count=count, age=formats.duration(spool["oldest_seconds"]))
        )
    if behind >= _LATE_SECONDS:
        said.append(say(language, "overview.attention.lag", age=formats.duration(behind)))
    return said


def _sentence(visitor: Visitor, state: Condition) -> str:
    formats, values = visitor.formats, dict(state.values)
    if "count" in values:
        values["count"] = formats.number(values["count"])
    if "day" in values:
        values["day"] = formats.day(values["day"])
    if "seconds" in values:
        values["age"] = formats.duration(values.pop("seconds"))
    return say(visitor.view.language, state.key, **values)


def _log(day: str, verdict: str) -> str:
    """The page of a figure's webhooks: what came on a UTC day and became this."""
    return f"{PREFIX}/webhooks?day={day}&verdict={verdict}"


def _first_line(request: Request, academy: int) -> str:
    address = address_of(request, f"/v1/assignment/me/telemetry?academy={academy}")
    body = '{"user_id": 7, "slug": "01-hello", "package_slug": "hello-world", "event": "open_step", "data": {}}'
    return f"curl -s '{address}' -H \"Authorization: Token $TELEMETRY_TOKEN\" --data '{body}'"


PLACE: Final = Place("nav.overview", f"{PREFIX}/", READ)
ROUTES: Final = [showing("/", None, _show)]
