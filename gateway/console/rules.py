"""An academy's ignore rules: what they say, what others would have done, and putting those in force."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.api.callers import Staff
from gateway.api.rules import store_rules, stored_rules, warning_texts
from gateway.api.services import by_kafka
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, changing, showing
from gateway.console.rule_forms import draft_of, fields_of, indented, mark_of, sentences
from gateway.console.words import say
from gateway.errors import ApiError
from gateway.ingest.json_bodies import parse_json
from gateway.insights.callers import minutes
from gateway.operating import LONGEST_TRIAL_MINUTES, TRIAL_MINUTES
from gateway.reading.questions import BusyError
from gateway.reading.shown import iso_instant
from gateway.reading.store import ReadError
from schemas.reference.rules import FIELDS, RulesError, validate
from schemas.reference.tenancy import CHANGE, READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from schemas.wire.rule_changes import RuleChange

__all__ = ["PLACE", "ROUTES"]

_SPANS: Final = ("24h", "7d", "30d")
_USUAL: Final = "7d"
_CONFLICT: Final = 409
_CHANGES: Final = 10
_HISTORY_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Draft:
    """What somebody wrote: `rules` is what of it is valid, None where `trouble` says what is not."""

    text: str
    rules: dict[str, Any] | None = None
    trouble: str = ""
    warnings: tuple[str, ...] = ()


async def _page(
    request: Request, visitor: Visitor, draft: _Draft | None = None, *, status: int = 200, **told: Any
) -> Response:
    stored = stored_rules(visitor.console.services, visitor.academy)
    language = visitor.view.language
    shown = stored if draft is None or draft.rules is None else draft.rules
    count, history = await _history(visitor)
    return await render(
        request,
        "rules.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        status=status,
        stored=sentences(language, stored),
        mark=mark_of(stored),
        fields=FIELDS,
        rows=fields_of(shown),
        text=indented(stored) if draft is None else draft.text,
        draft=draft,
        drafted=[] if draft is None or draft.rules is None else sentences(language, draft.rules),
        same=draft is not None and draft.rules == stored,
        spans=_SPANS,
        may_save=visitor.may(CHANGE),
        changes=count,
        history=history,
        **{"span": _USUAL, "trial": None, "trouble": "", "before": None, **told},
    )


async def _history(visitor: Visitor) -> tuple[int | None, list[dict[str, Any]]]:
    """How many changes are kept, and the newest; None where Kafka does not tell, which keeps nobody from the rules."""
    read = visitor.console.history.read(visitor.academy, limit=_CHANGES, seconds=_HISTORY_SECONDS)
    try:
        count, changes = await by_kafka(read)
    except ApiError:
        return None, []
    return count, [_change(visitor, change) for change in changes]


def _change(visitor: Visitor, change: RuleChange) -> dict[str, Any]:
    who, language = change.who, visitor.view.language
    user = None if who.user_id is None else visitor.name(visitor.sight.student(who.user_id))
    return {
        "at": iso_instant(datetime.fromtimestamp(change.at / 1000, UTC)),
        "who": " · ".join(part for part in (user, who.name if visitor.view.names else None, who.via) if part),
        "after": sentences(language, change.after),
        "before": None if change.before is None else indented(change.before),
    }


async def _show(request: Request, visitor: Visitor) -> Response:
    return await _page(request, visitor)


async def _drafted(visitor: Visitor, form: dict[str, str]) -> _Draft:
    """What a form says, by its fields or by its JSON, whichever its button is of."""
    services, text = visitor.console.services, form.get("json", "")
    try:
        if form.get("editor") == "form":
            body: Any = draft_of(form)
            text = indented(body)
        else:
            body = await asyncio.to_thread(parse_json, text.encode(), services.metrics.note_mended)
        rules = validate(body)
    except RulesError as error:
        refused = ApiError(error.slug, {}, **error.values)
        return _Draft(text, trouble=refused.text(visitor.view.language))
    except ApiError as error:
        return _Draft(text, trouble=error.text(visitor.view.language))
    return _Draft(text, rules, warnings=tuple(warning_texts(body, visitor.view.language)))


async def _try(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    draft = await _drafted(visitor, form)
    span = form.get("since", _USUAL)
    if draft.rules is None:
        return await _page(request, visitor, draft, status=400, span=span, trouble=draft.trouble)
    language = visitor.view.language
    back = minutes("since", span, TRIAL_MINUTES, most=LONGEST_TRIAL_MINUTES)
    try:
        trial = await visitor.console.operating.try_rules(visitor.academy, draft.rules, back)
    except BusyError:
        return await _page(request, visitor, draft, status=503, span=span, trouble=say(language, "rules.busy"))
    except ReadError as error:
        trouble = say(language, "rules.failed", reason=str(error)[:300])
        return await _page(request, visitor, draft, status=503, span=span, trouble=trouble)
    return await _page(request, visitor, draft, span=span, trial=trial)


async def _save(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    services, draft = visitor.console.services, await _drafted(visitor, {**form, "editor": "json"})
    if draft.rules is None:
        return await _page(request, visitor, draft, status=400, trouble=draft.trouble)
    before = stored_rules(services, visitor.academy)
    if form.get("mark") != mark_of(before):
        trouble = say(visitor.view.language, "rules.changed")
        return await _page(request, visitor, draft, status=_CONFLICT, trouble=trouble)
    await store_rules(services, Staff(visitor.token, visitor.academy), draft.rules)
    return await _page(request, visitor, before=indented(before))


PLACE: Final = Place("nav.rules", f"{PREFIX}/rules", READ)
ROUTES: Final = [
    showing("/rules", READ, _show),
    changing("/rules/try", READ, _try),
    changing("/rules/save", CHANGE, _save),
]
