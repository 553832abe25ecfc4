"""The whole system on one page: its parts, what waits, and which generation is live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from gateway.api.services import by_kafka
from gateway.console.lag import lag_picture
from gateway.console.letters import letters_told
from gateway.console.lists import system_call
from gateway.console.page import PREFIX, render
from gateway.console.queries import LAG
from gateway.console.routes import Place, showing
from gateway.console.words import say
from gateway.in_time import in_time
from gateway.insights.letters import LetterFilters, count_letters, find_groups
from gateway.operating import OPERATE
from gateway.reading.questions import BusyError
from gateway.reading.store import ReadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from schemas.vocabulary import Language

__all__ = ["PLACE", "ROUTES", "generations_of", "silent", "summary"]

_MOVED: Final = 20
# Servers stop to write some time before a disk is full.
_LITTLE_ROOM: Final = 0.1
# What is read after half of the time that a topic keeps it is late enough to worry.
_NEAR: Final = 0.5
# How a state begins where a group has no members (operations.status).
_NO_MEMBER: Final = "no process"


def summary(language: Language, parts: Mapping[str, str]) -> str:
    """Whether every part works, and else which do not."""
    ill = [name for name, state in parts.items() if state != "ok"]
    if not ill:
        return say(language, "operations.well")
    return say(language, "operations.ill", names=", ".join(ill))


def silent(parts: Mapping[str, str], processes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The processes that run on this machine though no member of their part's group does: frozen, or only starting."""
    away = {name for name, state in parts.items() if state.startswith(_NO_MEMBER)}
    return [one["name"] for one in processes if one["state"] == "running" and one["name"].partition("-")[0] in away]


def generations_of(journal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The generations of a journal, the newest first, each with what it is kept for."""
    roles = {journal["previous"]: "previous", journal["target"]: "target", journal["live"]: "live"}
    return [
        {"number": one["number"], "raw": one.get("raw") or "", "role": roles.get(one["number"], "other")}
        for one in sorted(journal["generations"], key=lambda one: -one["number"])
    ]


async def _letters(visitor: Visitor) -> tuple[int, list[dict[str, Any]]]:
    """How many dead letters wait, and in which groups; none where ClickHouse does not tell, which the parts do."""
    questions, waiting = visitor.console.services.questions, LetterFilters()
    try:
        return await in_time(asyncio.gather(count_letters(questions, waiting), find_groups(questions, waiting)))
    except (BusyError, ReadError):
        return 0, []


async def _show(request: Request, visitor: Visitor) -> Response:
    status, letters = await asyncio.gather(in_time(by_kafka(visitor.console.system.asked())), _letters(visitor))
    journal = status.get("generations")
    compared = status.get("comparison")
    history = status.get("lag_history")
    disk = status.get("disk")
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
        letters=letters_told(visitor.formats, *letters),
        silent=silent(status["parts"], status["processes"]),
        error=status["last_error"],
        spool=status.get("spool"),
        history=history,
        picture=None if history is None else lag_picture(history),
        disk=disk,
        full=disk is not None and disk["free_bytes"] < _LITTLE_ROOM * disk["total_bytes"],
        near_loss=any(row["kept_seconds"] and row["seconds"] > _NEAR * row["kept_seconds"] for row in status["lag"]),
        compared=compared,
        moved=[] if compared is None else compared["scores"][:_MOVED],
        call=system_call(request, "/operations", {}),
        queries=() if history is None else (LAG,),
    )


PLACE: Final = Place("nav.operations", f"{PREFIX}/operations", OPERATE)
ROUTES: Final = [showing("/operations", OPERATE, _show)]
