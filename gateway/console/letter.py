"""One dead letter: why it failed and whose it is, and sending it again as it is or changed, or giving it up."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final

from gateway.api.services import by_kafka
from gateway.console.lists import system_call
from gateway.console.page import PREFIX, render
from gateway.console.routes import changing, showing
from gateway.errors import ApiError
from gateway.in_time import in_time
from gateway.ingest.json_bodies import parse_json
from gateway.insights.letters import find_again, find_letter, judged, patched_letter, webhook_of
from gateway.operating import OPERATE
from schemas.coercion import digits_as_id
from schemas.json_patch import MOST_OPERATIONS, PatchError, readable
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from gateway.operating import Resolved

__all__ = ["ROUTES", "patch_between", "place_of_error", "shown_value"]

_MOST_SHOWN: Final = 200_000
# A value with what the form adds around it, every character of it escaped.
_FORM_BYTES: Final = 4 << 20
# What reasons of JSON call the place of an error: characters from the beginning.
_PLACE: Final = re.compile(r"\(char (\d+)\)")
_AROUND: Final = 60


def patch_between(before: Any, after: Any) -> list[dict[str, Any]]:
    """The JSON Patch that makes one value the other: of objects by member, of lists of one length by item.

    Of anything else it is the whole. What is alike is left out at every depth, so that keys which are not shown stay as
    they are: those of an item of a list stay with its place.
    """
    return list(_changes(before, after, ""))


def _changes(before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    if type(before) is dict and type(after) is dict:
        yield from ({"op": "remove", "path": f"{path}{_pointer(name)}"} for name in before if name not in after)
        for name, value in after.items():
            below = f"{path}{_pointer(name)}"
            if name in before:
                yield from _changes(before[name], value, below)
            else:
                yield {"op": "add", "path": below, "value": value}
    elif type(before) is list and type(after) is list and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes(one, other, f"{path}/{place}")
    elif not _alike(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: to Python 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def shown_value(text: str | None) -> str:
    """A value as people read it: JSON with indents, anything else as it is."""
    value = readable((text or "").encode())
    return (text or "") if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def place_of_error(reason: str, text: str) -> tuple[str, str, str] | None:
    """What of a text is before, at and after the place that a reason names; None where it names none of the text."""
    named = _PLACE.search(reason)
    if named is None or int(named[1]) > len(text) or not text:
        return None
    at = min(int(named[1]), len(text) - 1)
    first, last = max(0, at - _AROUND), at + 1 + _AROUND
    before, after = text[first:at], text[at + 1 : last]
    return ("…" if first else "") + before, text[at], after + ("…" if last < len(text) else "")


async def _letter(visitor: Visitor, text: str) -> dict[str, Any]:
    services, number = visitor.console.services, digits_as_id(text)
    letter = None
    if number is not None:
        letter = await in_time(find_letter(services.questions, number, services.settings.redacted_keys))
    if letter is None:
        raise ApiError("letter-not-found", letter=text[:200])
    return letter


async def _page(
    request: Request, visitor: Visitor, letter: dict[str, Any], *, status: int = 200, **told: Any
) -> Response:
    value = await asyncio.to_thread(shown_value, letter["value"])
    long = letter["truncated"] or len(value) > _MOST_SHOWN
    services = visitor.console.services
    webhook = webhook_of(services.settings, letter)
    sent = letter["resolution"] == "retried" and webhook is not None
    # Of a value without some of its keys, places are others.
    whole = "" if services.settings.redacted_keys else letter["value"] or ""
    return await render(
        request,
        "letter.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        status=status,
        letter=letter,
        **_whose(visitor, letter, webhook),
        webhook=webhook,
        place=place_of_error(letter["why"], whole),
        newer=await in_time(find_again(services.questions, services.settings, letter)) if sent else None,
        waits=not letter["resolution"],
        long=long,
        root=f"{PREFIX}/letters",
        own=f"{PREFIX}/letters/{letter['id']}",
        call=system_call(request, f"/dead-letters/{letter['id']}", {}),
        **{
            "value": value[:_MOST_SHOWN],
            "patch": None,
            "again": False,
            "would_be": None,
            "trouble": "",
            "done": "",
            **told,
        },
    )


def _whose(visitor: Visitor, letter: dict[str, Any], webhook: int | None) -> dict[str, Any]:
    """Whose webhook a letter is, by its key, named where the visitor may know; what is none is nobody's."""
    student = None if webhook is None else digits_as_id(letter["key"] or "")
    if student is None:
        return {"student": None, "name": None, "reached": False}
    reached = visitor.may(READ) and visitor.sight.sees(student)
    named = visitor.sight.student(student) if reached else {"id": student, "first_name": None, "last_name": None}
    return {"student": student, "name": visitor.name(named), "reached": reached}


async def _show(request: Request, visitor: Visitor) -> Response:
    return await _page(request, visitor, await _letter(visitor, request.path_params["letter"]))


async def _change(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    """First what would be changed; with `sure`, send it."""
    letter, text = await _letter(visitor, request.path_params["letter"]), form.get("value", "")
    if letter["truncated"]:
        raise ApiError("letter-left", letter=letter["id"], reason="it is too long to be changed here.")
    before = await asyncio.to_thread(readable, (letter["value"] or "").encode())
    try:
        after = await asyncio.to_thread(parse_json, text.encode(), visitor.console.services.metrics.note_mended)
        patch = await asyncio.to_thread(patch_between, before, after)
        if len(patch) > MOST_OPERATIONS and not visitor.console.services.settings.redacted_keys:
            # Nothing is hidden that the whole would lose.
            patch = [{"op": "replace", "path": "", "value": after}]
        value = await patched_letter(letter, patch)
    except ApiError as error:
        trouble = error.text(visitor.view.language)
        return await _page(request, visitor, letter, status=error.status, value=text, trouble=trouble)
    except PatchError as error:
        trouble = ApiError("invalid-patch", reason=str(error)).text(visitor.view.language)
        return await _page(request, visitor, letter, status=400, value=text, trouble=trouble)
    if form.get("sure") != "yes" or not patch:
        shown = [json.dumps(operation, ensure_ascii=False) for operation in patch]
        would_be = await judged(visitor.console.services, visitor.console.operating, letter, value)
        return await _page(request, visitor, letter, value=text, patch=shown, would_be=would_be)
    done = await in_time(by_kafka(visitor.console.operating.change(letter["id"], patch)))
    return await _resolved(request, visitor, letter, done)


async def _retry(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    """First what would become of it; with `sure`, send it."""
    letter = await _letter(visitor, request.path_params["letter"])
    if form.get("sure") != "yes":
        value = None if letter["truncated"] else (letter["value"] or "").encode()
        services, operating = visitor.console.services, visitor.console.operating
        would_be = None if value is None else await judged(services, operating, letter, value)
        return await _page(request, visitor, letter, again=True, would_be=would_be)
    done = await in_time(by_kafka(visitor.console.operating.retry([letter["id"]])))
    return await _resolved(request, visitor, letter, done)


async def _drop(request: Request, visitor: Visitor, _form: dict[str, str]) -> Response:
    letter = await _letter(visitor, request.path_params["letter"])
    done = await in_time(by_kafka(visitor.console.operating.drop([letter["id"]])))
    return await _resolved(request, visitor, letter, done, "dropped")


async def _resolved(
    request: Request, visitor: Visitor, letter: dict[str, Any], done: Resolved, resolution: str = "retried"
) -> Response:
    """The letter as it is now; the table tells so only in a moment."""
    for reason in done.left.values():
        trouble = ApiError("letter-left", letter=letter["id"], reason=reason).text(visitor.view.language)
        return await _page(request, visitor, letter, status=409, trouble=trouble)
    key = "letters.done.dropped" if resolution == "dropped" else "letters.done.one"
    return await _page(request, visitor, {**letter, "resolution": resolution}, done=key)


ROUTES: Final = [
    showing("/letters/{letter}", OPERATE, _show),
    changing("/letters/{letter}/change", OPERATE, _change, limit=_FORM_BYTES),
    changing("/letters/{letter}/retry", OPERATE, _retry),
    changing("/letters/{letter}/drop", OPERATE, _drop),
]
