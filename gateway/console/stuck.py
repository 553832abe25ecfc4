"""Who needs somebody now, and on what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.api.parameters import words
from gateway.console.lists import api_call, as_csv, filled, listed
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, showing
from gateway.console.student import work_address
from gateway.insights.callers import bounded, minutes
from gateway.insights.stuck import LONGEST_MINUTES, MOST_FAILURES, StuckRule, find_stuck
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["PLACE", "ROUTES"]

_FILTERS: Final = ("asset", "cohort", "since", "seen", "failures", "stuck")
_DEFAULT: Final = StuckRule()
_SPANS: Final = ("30m", "2h", "24h", "7d")
_COLUMNS: Final = (
    "student_id",
    "student",
    "asset_slug",
    "step_slug",
    "minutes",
    "failures",
    "last_error_event",
    "last_error_kind",
    "questions",
    "completed_steps",
    "last_seen",
    "urgency",
)


def _rule(filters: dict[str, str]) -> StuckRule:
    return StuckRule(
        minutes=minutes("since", filters.get("since"), _DEFAULT.minutes, most=LONGEST_MINUTES),
        seen=minutes("seen", filters.get("seen"), _DEFAULT.seen, most=LONGEST_MINUTES),
        failures=bounded("failures", filters.get("failures"), _DEFAULT.failures, least=1, most=MOST_FAILURES),
        stuck=bounded("stuck", filters.get("stuck"), _DEFAULT.stuck, least=0, most=LONGEST_MINUTES),
    )


async def _find(visitor: Visitor, filters: dict[str, str], rule: StuckRule) -> list[dict[str, Any]]:
    questions = visitor.console.services.questions
    found = await find_stuck(questions, visitor.sight, rule, words(filters.get("asset")), filters.get("cohort", ""))
    return [{**row, "name": visitor.name(row["student"]), "address": _address(row)} for row in found]


def _tutorials(visitor: Visitor, filters: dict[str, str]) -> list[str]:
    return [visitor.sight.tutorial(slug) for slug in words(filters.get("asset"))]


def _address(row: dict[str, Any]) -> str | None:
    """The page that says why; None of somebody who is not named yet."""
    student = row["student"]["id"]
    return None if student is None else work_address(student, row["asset_slug"], row["step_slug"])


async def _show(request: Request, visitor: Visitor) -> Response:
    filters = filled(request, _FILTERS)
    page, rule = listed(request, filters), _rule(filters)
    found = await _find(visitor, filters, rule)
    shown = page.part(found)
    return await render(
        request,
        "stuck.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        filters=filters,
        rule=rule,
        spans=_SPANS,
        default={"since": "2h", "seen": "30m", "failures": _DEFAULT.failures, "stuck": _DEFAULT.stuck},
        rows=shown,
        count=len(found),
        page=page,
        call=api_call(request, "/students/stuck", visitor.academy, filters),
        queries=(
            visitor.sql.stuck(
                rule,
                _tutorials(visitor, filters),
                found,
                visitor.sight.only_members(),
                filters.get("cohort", ""),
            ),
        ),
    )


async def _export(request: Request, visitor: Visitor) -> Response:
    filters = filled(request, _FILTERS)
    rows = await _find(visitor, filters, _rule(filters))
    named = visitor.view.names
    return as_csv(
        "stuck",
        _COLUMNS,
        (
            (
                row["student"]["id"] if named else None,
                row["name"],
                row["asset_slug"],
                row["step_slug"],
                row["minutes"],
                row["failures"],
                row["last_error"]["event"],
                row["last_error"]["kind"],
                row["questions"],
                row["completed_steps"],
                row["last_seen"],
                row["urgency"],
            )
            for row in rows
        ),
    )


PLACE: Final = Place("nav.stuck", f"{PREFIX}/stuck", READ)
ROUTES: Final = [showing("/stuck", READ, _show), showing("/stuck.csv", READ, _export)]
