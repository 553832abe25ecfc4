"""The whole system on one page: its parts, what waits, and which generation is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.api.services import by_kafka
from gateway.console.lists import system_call
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, showing
from gateway.console.words import say
from gateway.operating import OPERATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from schemas.vocabulary import Language

__all__ = ["PLACE", "ROUTES", "generations_of", "summary"]

_MOVED: Final = 20


def summary(language: Language, parts: Mapping[str, str]) -> str:
    """Whether every part works, and else which do not."""
    ill = [name for name, state in parts.items() if state != "ok"]
    if not ill:
        return say(language, "operations.well")
    return say(language, "operations.ill", names=", ".join(ill))


def generations_of(journal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The generations of a journal, the newest first, each with what it is kept for."""
    roles = {journal["previous"]: "previous", journal["target"]: "target", journal["live"]: "live"}
    return [
        {"number": one["number"], "raw": one.get("raw") or "", "role": roles.get(one["number"], "other")}
        for one in sorted(journal["generations"], key=lambda one: -one["number"])
    ]


async def _show(request: Request, visitor: Visitor) -> Response:
    status = await by_kafka(visitor.console.system.asked())
    journal = status.get("generations")
    compared = status.get("comparison")
    return await render(
        request,
        "operations.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        system=status,
        sentence=summary(visitor.view.language, status["parts"]),
        journal=journal,
        generations=[] if journal is None else generations_of(journal),
        spool=status.get("spool"),
        compared=compared,
        moved=[] if compared is None else compared["scores"][:_MOVED],
        call=system_call(request, "/operations", {}),
    )


PLACE: Final = Place("nav.operations", f"{PREFIX}/operations", OPERATE)
ROUTES: Final = [showing("/operations", OPERATE, _show)]
