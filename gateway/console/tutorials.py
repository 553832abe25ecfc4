"""All tutorials of an academy, with the figures of their last day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from gateway.console.lists import api_call, as_csv, listed
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, showing
from gateway.insights.tutorials import TUTORIAL_SORTS, find_tutorials
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["PLACE", "ROUTES", "tutorial_address"]

_SORT: Final = "-students"
_COLUMNS: Final = (
    "asset_slug",
    "asset_title",
    "day",
    "students",
    "active_students",
    "completion",
    "engagement",
    "frustration",
    "compiles",
    "compile_failures",
    "tests",
    "test_failures",
    "quizzes",
    "quiz_failures",
    "questions",
)


def tutorial_address(slug: str) -> str:
    """The page of a tutorial; whatever a slug is, it stays within the query."""
    return f"{PREFIX}/tutorials/one?{urlencode({'slug': slug})}"


def _sort(request: Request) -> str:
    named = request.query_params.get("sort", _SORT)
    return named if named in TUTORIAL_SORTS else _SORT


async def _show(request: Request, visitor: Visitor) -> Response:
    sort = _sort(request)
    filters = {} if sort == _SORT else {"sort": sort}
    page = listed(request, filters)
    found = await find_tutorials(visitor.console.services.questions, visitor.sight, sort)
    rows = [
        {
            **row,
            "address": tutorial_address(row["asset_slug"]),
            "tries": row["compiles"] + row["tests"] + row["quizzes"],
            "failures": row["compile_failures"] + row["test_failures"] + row["quiz_failures"],
        }
        for row in page.part(found)
    ]
    return await render(
        request,
        "tutorials.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        rows=rows,
        count=len(found),
        page=page,
        sort=sort,
        sorts=TUTORIAL_SORTS,
        call=api_call(request, "/assets", visitor.academy, filters),
        queries=(visitor.sql.tutorials(sort, [row["asset_slug"] for row in found]),),
    )


async def _export(request: Request, visitor: Visitor) -> Response:
    found = await find_tutorials(visitor.console.services.questions, visitor.sight, _sort(request))
    return as_csv("tutorials", _COLUMNS, ([row[column] for column in _COLUMNS] for row in found))


PLACE: Final = Place("nav.tutorials", f"{PREFIX}/tutorials", READ)
ROUTES: Final = [showing("/tutorials", READ, _show), showing("/tutorials.csv", READ, _export)]
