"""One tutorial: its steps as a funnel, its students, and its days."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gateway.console.charts import FIELD
from gateway.console.lists import api_call, as_csv, listed
from gateway.console.page import PREFIX, render
from gateway.console.routes import showing
from gateway.console.student import SCORES_SHOWN, last_days, score_lines, work_address
from gateway.console.words import say
from gateway.errors import ApiError
from gateway.insights.tutorials import (
    find_cells,
    find_days,
    find_funnel,
    find_heatmap_students,
    find_sessions,
    has_figures,
)
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from gateway.insights.sight import Sight

__all__ = ["ROUTES", "cell_mark", "grid_steps", "hardest", "with_bars"]

_LONGEST: Final = 1_000
_HARDEST: Final = 3
# Of fewer tries a share says nothing.
_LEAST_TRIES: Final = 5
# What a page shows of a tutorial with hundreds of steps: more than a real one has, and still a page that loads.
_STEPS: Final = 60
_GRID_STEPS: Final = 40
_GRID_CELLS: Final = 2_000

_COLUMNS: Final = (
    "step_slug",
    "step_position",
    "opened",
    "attempted",
    "completed",
    "seconds_median",
    "tries",
    "failures",
    "failed_percent",
    "failed_first",
    "questions",
)


def hardest(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps in which the largest share of tries fails, at most three; none of few tries or without a failure."""
    tried = [step for step in steps if step["tries"] >= _LEAST_TRIES and step["failures"]]
    return sorted(tried, key=lambda step: (-step["failed_percent"], -step["tries"], step["step_slug"]))[:_HARDEST]


def with_bars(steps: Sequence[dict[str, Any]]) -> tuple[int, list[dict[str, Any]]]:
    """The most students of any step, and the steps with how long a bar is for each of their figures."""
    most = max((max(step["opened"], step["attempted"], step["completed"]) for step in steps), default=0)
    scale = FIELD / most if most else 0
    names = ("opened", "attempted", "completed")
    return most, [{**step, "bars": {name: round(step[name] * scale, 1) for name in names}} for step in steps]


def grid_steps(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a funnel's steps that the grid shows, in their order: of many those that most students have."""
    ranked = sorted(steps, key=lambda step: max(step["opened"], step["attempted"], step["completed"]), reverse=True)
    chosen = {step["step_slug"] for step in ranked[:_GRID_STEPS]}
    return [step for step in steps if step["step_slug"] in chosen]


def cell_mark(cell: dict[str, Any] | None) -> str:
    """How a cell of the grid is written: by sign or number, never by colour alone."""
    if cell is None:
        return ""
    if cell["state"] == "completed":
        return "✓"
    if cell["failures"]:
        return str(cell["failures"])
    return "●" if cell["state"] == "attempted" else "○"


def _own(request: Request, sight: Sight) -> str:
    slug = request.query_params.get("slug", "")
    tutorial = None if not slug or len(slug) > _LONGEST else sight.own_tutorial(slug)
    if tutorial is None:
        raise ApiError("asset-not-found", asset=slug[:_LONGEST])
    return tutorial


def _translations(sight: Sight, tutorial: str) -> list[str]:
    asset = sight.reference.asset_by_slug(tutorial)
    group = () if asset is None else sight.reference.group(asset)
    return [f"{member.title or member.slug} ({member.lang or '?'})" for member in group] if len(group) > 1 else []


async def _show(request: Request, visitor: Visitor) -> Response:
    sight, questions = visitor.sight, visitor.console.services.questions
    tutorial, days = _own(request, visitor.sight), last_days(visitor.now)
    page = listed(request, {"slug": request.query_params["slug"]})
    (funnel, left_out), daily, sessions, students = await asyncio.gather(
        find_funnel(questions, tutorial, _STEPS),
        find_days(questions, tutorial, days),
        find_sessions(questions, tutorial, days),
        find_heatmap_students(questions, sight, tutorial),
    )
    if not funnel and not daily and not sight.knows(tutorial) and not await has_figures(questions, tutorial):
        raise ApiError("asset-not-found", asset=tutorial)
    columns = grid_steps(funnel)
    page = replace(page, limit=min(page.limit, _GRID_CELLS // max(1, len(columns))))
    slugs = [step["step_slug"] for step in columns]
    on_page = page.part(students)
    cells = await find_cells(questions, sight, tutorial, on_page, slugs)
    most, steps = with_bars(funnel)
    by_day = {row["day"]: row["sessions"] for row in sessions}
    return await render(
        request,
        "tutorial.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        title=sight.title(tutorial) or tutorial,
        tutorial=tutorial,
        translations=_translations(sight, tutorial),
        hardest=_told(visitor, hardest(funnel)),
        most=most,
        steps=steps,
        left_out=left_out,
        columns=columns,
        narrow=len(steps) - len(columns) + left_out,
        grid=[_row(visitor, tutorial, row, columns) for row in cells],
        page=page,
        count=len(students),
        days=[{**row, "sessions": by_day.get(row["day"], 0)} for row in daily],
        lines=score_lines(daily, days),
        ends=(str(days.first), str(days.last)),
        shown=SCORES_SHOWN,
        export=f"{PREFIX}/tutorials/one.csv?slug={quote(tutorial, safe='')}",
        call=api_call(request, f"/assets/{quote(tutorial, safe='')}/funnel", visitor.academy),
        queries=visitor.sql.tutorial(tutorial, (row["actor"] for row in on_page)),
    )


def _told(visitor: Visitor, steps: Iterable[dict[str, Any]]) -> str:
    formats = visitor.formats
    return ", ".join(
        say(
            visitor.view.language,
            "tutorial.hardest.step",
            step=step["step_slug"],
            share=f"{formats.number(step['failed_percent'])} %",
            tries=formats.number(step["tries"]),
        )
        for step in steps
    )


def _row(visitor: Visitor, tutorial: str, row: dict[str, Any], steps: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A student's row of the grid, with a cell for each of its columns."""
    known = {cell["step_slug"]: cell for cell in row["steps"]}
    student = row["student"]["id"]
    cells = [(step, known.get(step["step_slug"])) for step in steps]
    return {
        "name": visitor.name(row["student"]),
        "address": None if student is None else work_address(student, tutorial),
        "last_seen": row["last_seen"],
        "cells": [{"look": _look(cell), "mark": cell_mark(cell)} for _, cell in cells],
        "done": sum(cell is not None and cell["state"] == "completed" for _, cell in cells),
    }


def _look(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "none"
    return "tried" if cell["state"] == "attempted" and not cell["failures"] else str(cell["state"])


async def _export(request: Request, visitor: Visitor) -> Response:
    tutorial = _own(request, visitor.sight)
    rows, _ = await find_funnel(visitor.console.services.questions, tutorial)
    return as_csv("steps", _COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


ROUTES: Final = [showing("/tutorials/one", READ, _show), showing("/tutorials/one.csv", READ, _export)]
