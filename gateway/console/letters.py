"""Dead letters in groups and one after another, and sending many of them again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gateway.api.services import by_kafka
from gateway.console.lists import MOST_EXPORTED, as_csv, filled, listed, system_call
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, changing, showing
from gateway.console.words import say
from gateway.errors import ApiError
from gateway.in_time import in_time
from gateway.insights.letters import (
    MOST_AT_ONCE,
    MOST_GROUPS,
    STATES,
    LetterFilters,
    find_groups,
    find_ids,
    find_letters,
    judged_again,
)
from gateway.operating import OPERATE, Resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.formats import Formats
    from gateway.console.visitor import Visitor

__all__ = ["PLACE", "ROUTES", "letters_told"]

_FILTERS: Final = ("state", "topic", "stage", "reason")
_NARROWING: Final = ("topic", "stage", "reason")
_WAITING: Final = "waiting"
_SHOWN: Final = 20
_COLUMNS: Final = ("id", "failed_at", "topic", "partition", "offset", "stage", "why", "resolution", "size")


def letters_told(formats: Formats, count: int, groups: Sequence[Mapping[str, Any]]) -> str:
    """How many dead letters wait, and by their groups whether all failed alike; empty where none does."""
    reasons = len({group["why"] for group in groups})
    if not count:
        return ""
    key = "overview.attention.letters.same" if reasons == 1 else "overview.attention.letters"
    if len(groups) >= MOST_GROUPS:
        key = "overview.attention.letters.many"
    elif count == 1:
        key = "overview.attention.letters.one"
    return say(formats.language, key, count=formats.number(count), reasons=formats.number(reasons))


def _chosen(fields: Mapping[str, str]) -> LetterFilters:
    state = fields.get("state") or _WAITING
    if state not in STATES:
        raise ApiError("invalid-state", known=", ".join(STATES))
    return LetterFilters(state, fields.get("topic", ""), fields.get("stage", ""), fields.get("reason", ""))


def _group_address(group: dict[str, Any], state: str) -> str:
    query = {"topic": group["topic"], "stage": group["stage"], "reason": group["why"]}
    return f"{PREFIX}/letters?{urlencode({**query, **({} if state == _WAITING else {'state': state})})}"


async def _page(request: Request, visitor: Visitor, fields: dict[str, str], **told: Any) -> Response:
    page, filters = listed(request, fields, f"{PREFIX}/letters"), _chosen(fields)
    questions = visitor.console.services.questions
    (count, rows), groups = await in_time(
        asyncio.gather(
            find_letters(questions, filters, limit=page.limit, offset=page.offset), find_groups(questions, filters)
        )
    )
    return await render(
        request,
        "letters.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        filters=fields,
        states=STATES,
        state=filters.state,
        groups=[{**group, "address": _group_address(group, filters.state)} for group in groups],
        rows=rows,
        count=count,
        page=page,
        root=f"{PREFIX}/letters",
        call=system_call(request, "/dead-letters", fields),
        **{"done": None, **told},
    )


async def _show(request: Request, visitor: Visitor) -> Response:
    return await _page(request, visitor, filled(request, _FILTERS))


async def _export(request: Request, visitor: Visitor) -> Response:
    filters = _chosen(filled(request, _FILTERS))
    _, rows = await find_letters(visitor.console.services.questions, filters, limit=MOST_EXPORTED, offset=0)
    return as_csv("dead-letters", _COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


async def _retry(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    """First only what would be sent; with `sure`, send it."""
    fields = {name: value for name in _NARROWING if (value := form.get(name, ""))}
    filters, questions = _chosen(fields), visitor.console.services.questions
    if form.get("sure") != "yes":
        count, rows = await in_time(find_letters(questions, filters, limit=_SHOWN, offset=0))
        services, operating = visitor.console.services, visitor.console.operating
        asked, failing = await judged_again(services, operating, rows)
        return await render(
            request,
            "letters_sure.html",
            visitor.view,
            visitor.formats,
            visitor=visitor,
            fields=fields,
            rows=rows,
            count=count,
            most=MOST_AT_ONCE,
            sent=min(count, MOST_AT_ONCE),
            asked=asked,
            failing=failing,
            back=f"{PREFIX}/letters" + (f"?{urlencode(fields)}" if fields else ""),
        )
    chosen = await in_time(find_ids(questions, filters))
    done = await in_time(by_kafka(visitor.console.operating.retry(chosen))) if chosen else Resolved(0, {})
    return await _page(request, visitor, {}, done=done)


PLACE: Final = Place("nav.letters", f"{PREFIX}/letters", OPERATE)
ROUTES: Final = [
    showing("/letters", OPERATE, _show),
    showing("/letters.csv", OPERATE, _export),
    changing("/letters/retry", OPERATE, _retry),
]
