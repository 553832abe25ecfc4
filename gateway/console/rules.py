"""An academy's ignore rules: what they say, what others would have done, and putting those in force."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from broker.rule_changes import RulesChangedError
from gateway.api.callers import Staff
from gateway.api.rules import not_rules, store_rules, stored_rules, warning_texts
from gateway.api.services import by_kafka
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, changing, showing
from gateway.console.rule_forms import (
    difference,
    draft_of,
    fields_of,
    fits_form,
    indented,
    names_students,
    numbers_by_text,
    sentences,
)
from gateway.console.words import say
from gateway.errors import ApiError
from gateway.ingest.json_bodies import parse_json
from gateway.insights.callers import minutes
from gateway.insights.rule_routes import shown_example
from gateway.operating import LONGEST_TRIAL_MINUTES, TRIAL_MINUTES
from gateway.reading.questions import BusyError
from gateway.reading.shown import full_name, iso_instant
from gateway.reading.store import ReadError
from schemas.coercion import as_id
from schemas.reference.rule_marks import mark_of
from schemas.reference.rules import FIELDS, RulesError, validate
from schemas.reference.tenancy import CHANGE, READ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    request: Request,
    visitor: Visitor,
    draft: _Draft | None = None,
    *,
    stored: dict[str, Any] | None = None,
    mark: str = "",
    status: int = 200,
    **told: Any,
) -> Response:
    """The page; `stored` are the rules in force where they are known better than the view has them, `mark` is theirs.

    That of an older page goes on: what was changed since then has not been seen by whoever looks at it.
    """
    stored = stored_rules(visitor.console.services, visitor.academy) if stored is None else stored
    language, called = visitor.view.language, _called(visitor)
    drafted = None if draft is None else draft.rules
    shown = stored if drafted is None else drafted
    count, history = await _history(visitor)
    return await render(
        request,
        "rules.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        status=status,
        stored=sentences(language, stored, called),
        mark=mark or mark_of(stored),
        stale=bool(mark) and mark != mark_of(stored),
        fields=FIELDS,
        rows=fields_of(shown) if fits_form(shown) else None,
        text=indented(stored) if draft is None else draft.text,
        hidden=not visitor.view.names and (draft is not None or names_students(shown)),
        carried=drafted is not None and _carried(visitor, drafted),
        draft=draft,
        drafted=[] if drafted is None else sentences(language, drafted, called),
        difference=None if drafted is None else difference(language, stored, drafted, called),
        same=drafted == stored,
        numbers={} if drafted is None else numbers_by_text(drafted),
        spans=_SPANS,
        may_save=visitor.may(CHANGE),
        changes=count,
        history=history,
        **{"span": _USUAL, "trial": None, "trouble": "", "saved": False, "before": None, **told},
    )


def _carried(visitor: Visitor, rules: Mapping[str, Any]) -> bool:
    """Whether a form may hold these rules for whoever sends it: else the page would name students."""
    return visitor.view.names or not names_students(rules)


def _called(visitor: Visitor) -> Callable[[Any], str]:
    """What students of rules are called: by name and id, by a pseudonym where names are hidden."""

    def pseudonym(value: Any) -> str:
        number = as_id(value)
        return "…" if number is None else visitor.name({"id": number})

    def named(value: Any) -> str:
        number = as_id(value)
        name = "" if number is None else full_name(visitor.sight.student(number))
        return f"{name} ({value})" if name else str(value)

    return named if visitor.view.names else pseudonym


async def _history(visitor: Visitor) -> tuple[int | None, list[dict[str, Any]]]:
    """How many changes are kept, and the newest; None where Kafka does not tell, which keeps nobody from the rules."""
    read = visitor.console.history.read(visitor.academy, limit=_CHANGES, seconds=_HISTORY_SECONDS)
    try:
        count, changes = await by_kafka(read)
    except ApiError:
        return None, []
    return count, [_change(visitor, change) for change in changes]


def _change(visitor: Visitor, change: RuleChange) -> dict[str, Any]:
    who, language, called = change.who, visitor.view.language, _called(visitor)
    user = None if who.user_id is None else visitor.name(visitor.sight.student(who.user_id))
    return {
        "at": iso_instant(datetime.fromtimestamp(change.at / 1000, UTC)),
        "who": " · ".join(part for part in (user, who.name if visitor.view.names else None, who.via) if part),
        "after": sentences(language, change.after, called),
        "difference": None if change.before is None else difference(language, change.before, change.after, called),
        "before": indented(change.before) if change.before is not None and _carried(visitor, change.before) else None,
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
        return _Draft(text, trouble=not_rules(error, placed=True).text(visitor.view.language))
    except ApiError as error:
        return _Draft(text, trouble=error.text(visitor.view.language))
    return _Draft(text, rules, warnings=tuple(warning_texts(body, visitor.view.language)))


async def _try(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    draft = await _drafted(visitor, form)
    span, mark = form.get("since", _USUAL), form.get("mark", "")
    if draft.rules is None:
        return await _page(request, visitor, draft, mark=mark, status=400, span=span, trouble=draft.trouble)
    language = visitor.view.language
    back = minutes("since", span, TRIAL_MINUTES, most=LONGEST_TRIAL_MINUTES)
    try:
        trial = await visitor.console.operating.try_rules(visitor.academy, draft.rules, back)
    except BusyError:
        trouble = say(language, "rules.busy")
        return await _page(request, visitor, draft, mark=mark, status=503, span=span, trouble=trouble)
    except ReadError as error:
        trouble = say(language, "rules.failed", reason=str(error)[:300])
        return await _page(request, visitor, draft, mark=mark, status=503, span=span, trouble=trouble)
    examples = [_example(visitor, example) for example in trial["examples"]]
    return await _page(request, visitor, draft, mark=mark, span=span, trial={**trial, "examples": examples})


def _example(visitor: Visitor, example: dict[str, Any]) -> dict[str, Any]:
    shown = shown_example(example, visitor.sight)
    return {**shown, "name": None if shown["student"] is None else visitor.name(shown["student"])}


async def _save(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    services, draft = visitor.console.services, await _drafted(visitor, {**form, "editor": "json"})
    mark = form.get("mark", "")
    if draft.rules is None:
        return await _page(request, visitor, draft, mark=mark, status=400, trouble=draft.trouble)
    before = stored_rules(services, visitor.academy)
    try:
        await store_rules(services, Staff(visitor.token, visitor.academy), draft.rules, seen=mark)
    except RulesChangedError as error:
        trouble = say(visitor.view.language, "rules.changed")
        return await _page(request, visitor, draft, stored=error.current, status=_CONFLICT, trouble=trouble)
    # Whoever has got so far has seen those that were in force; this view may not have had them yet.
    undo = indented(before) if mark_of(before) == mark and _carried(visitor, before) else None
    return await _page(request, visitor, stored=draft.rules, saved=True, before=undo)


PLACE: Final = Place("nav.rules", f"{PREFIX}/rules", READ)
ROUTES: Final = [
    showing("/rules", READ, _show),
    changing("/rules/try", READ, _try),
    changing("/rules/save", CHANGE, _save),
]
