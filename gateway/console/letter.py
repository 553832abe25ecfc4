"""One dead letter: why it failed, and sending it again as it is or changed, or giving it up."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from gateway.api.services import by_kafka
from gateway.console.lists import system_call
from gateway.console.page import PREFIX, render
from gateway.console.routes import changing, showing
from gateway.errors import ApiError
from gateway.ingest.json_bodies import parse_json
from gateway.insights.letters import find_letter
from gateway.operating import OPERATE
from schemas.coercion import digits_as_id
from schemas.json_patch import PatchError, patched, readable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from gateway.operating import Resolved

__all__ = ["ROUTES", "patch_between", "shown_value"]

_MOST_SHOWN: Final = 200_000
# A value with what the form adds around it, every character of it escaped.
_FORM_BYTES: Final = 4 << 20


def patch_between(before: Any, after: Any) -> list[dict[str, Any]]:
    """The JSON Patch that makes one value the other: of objects by member, of anything else the whole.

    By member, so that keys which are not shown stay as they are.
    """
    if _alike(before, after):
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [{"op": "replace", "path": "", "value": after}]
    gone = [{"op": "remove", "path": _pointer(name)} for name in before if name not in after]
    changed = [
        {"op": "replace" if name in before else "add", "path": _pointer(name), "value": value}
        for name, value in after.items()
        if name not in before or not _alike(before[name], value)
    ]
    return [*gone, *changed]


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: to Python 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def shown_value(text: str | None) -> str:
    """A value as people read it: JSON with indents, anything else as it is."""
    value = readable((text or "").encode())
    return (text or "") if value is None else json.dumps(value, indent=2, ensure_ascii=False)


async def _letter(visitor: Visitor, text: str) -> dict[str, Any]:
    services, number = visitor.console.services, digits_as_id(text)
    letter = None
    if number is not None:
        letter = await find_letter(services.questions, number, services.settings.redacted_keys)
    if letter is None:
        raise ApiError("letter-not-found", letter=text[:200])
    return letter


async def _page(
    request: Request, visitor: Visitor, letter: dict[str, Any], *, status: int = 200, **told: Any
) -> Response:
    value = await asyncio.to_thread(shown_value, letter["value"])
    long = letter["truncated"] or len(value) > _MOST_SHOWN
    return await render(
        request,
        "letter.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        status=status,
        letter=letter,
        waits=not letter["resolution"],
        long=long,
        root=f"{PREFIX}/letters",
        own=f"{PREFIX}/letters/{letter['id']}",
        call=system_call(request, f"/dead-letters/{letter['id']}", {}),
        **{"value": value[:_MOST_SHOWN], "patch": None, "trouble": "", "done": "", **told},
    )


async def _show(request: Request, visitor: Visitor) -> Response:
    return await _page(request, visitor, await _letter(visitor, request.path_params["letter"]))


async def _change(request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
    """First what would be changed; with `sure`, send it."""
    letter, text = await _letter(visitor, request.path_params["letter"]), form.get("value", "")
    if letter["truncated"]:
        raise ApiError("letter-left", letter=letter["id"], reason="it is too long to be changed here.")
    before = readable((letter["value"] or "").encode())
    try:
        after = await asyncio.to_thread(parse_json, text.encode(), visitor.console.services.metrics.note_mended)
        patch = patch_between(before, after)
        patched(before, patch)
    except ApiError as error:
        trouble = error.text(visitor.view.language)
        return await _page(request, visitor, letter, status=error.status, value=text, trouble=trouble)
    except PatchError as error:
        trouble = ApiError("invalid-patch", reason=str(error)).text(visitor.view.language)
        return await _page(request, visitor, letter, status=400, value=text, trouble=trouble)
    if form.get("sure") != "yes" or not patch:
        shown = [json.dumps(operation, ensure_ascii=False) for operation in patch]
        return await _page(request, visitor, letter, value=text, patch=shown)
    done = await by_kafka(visitor.console.operating.change(letter["id"], patch))
    return await _resolved(request, visitor, letter, done)


async def _retry(request: Request, visitor: Visitor, _form: dict[str, str]) -> Response:
    letter = await _letter(visitor, request.path_params["letter"])
    return await _resolved(request, visitor, letter, await by_kafka(visitor.console.operating.retry([letter["id"]])))


async def _drop(request: Request, visitor: Visitor, _form: dict[str, str]) -> Response:
    letter = await _letter(visitor, request.path_params["letter"])
    done = await by_kafka(visitor.console.operating.drop([letter["id"]]))
    return await _resolved(request, visitor, letter, done, "dropped")


async def _resolved(
    request: Request, visitor: Visitor, letter: dict[str, Any], done: Resolved, resolution: str = "retried"
) -> Response:
    """The letter as it is now; the table tells so only in a moment."""
    for reason in done.left.values():
        trouble = ApiError("letter-left", letter=letter["id"], reason=reason).text(visitor.view.language)
        return await _page(request, visitor, letter, status=409, trouble=trouble)
    key = "letters.done.dropped" if resolution == "dropped" else "letters.done"
    return await _page(request, visitor, {**letter, "resolution": resolution}, done=key)


ROUTES: Final = [
    showing("/letters/{letter}", OPERATE, _show),
    changing("/letters/{letter}/change", OPERATE, _change, limit=_FORM_BYTES),
    changing("/letters/{letter}/retry", OPERATE, _retry),
    changing("/letters/{letter}/drop", OPERATE, _drop),
]
