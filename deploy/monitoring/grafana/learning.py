"""The dashboard Learning: what do students do, where do they stop, and who needs somebody?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from deploy.monitoring.grafana.asked import CLICKHOUSE, Sql
from deploy.monitoring.grafana.panels import AMBER, GREEN, GREY, RED, THIRD, WHOLE, bars, board, lines, rows
from deploy.monitoring.grafana.queries import filled, of_page
from gateway.insights.sql import DAILY, FUNNEL, TUTORIALS

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

__all__ = ["NAME", "TUTORIAL", "dashboard"]

NAME: Final = "learning"

# Of those with figures, the ones that most students have. Slugs are what clients say: odd ones are left out.
TUTORIAL: Final = """
SELECT asset_slug FROM asset_daily
WHERE match(asset_slug, '^[A-Za-z0-9._-]{1,200}$')
GROUP BY asset_slug
ORDER BY max(total_sessions) DESC, asset_slug
LIMIT 200
"""

_CHOSEN: Final = "${tutorial:sqlstring}"

_ACTIVE: Final = """
SELECT toDate(occurred_at) AS day, uniqExact(user_id) AS students, count() AS things_done
FROM events
WHERE $__timeFilter(occurred_at) AND user_id IS NOT NULL
GROUP BY day
ORDER BY day
LIMIT 1000
"""

_STEPS: Final = f"""
SELECT step_slug, opened, attempted, completed, failed_percent, tries_median, questions
FROM
(
{filled(FUNNEL, tutorial=_CHOSEN, limit="40")}
)
ORDER BY step_position, step_slug
"""  # noqa: S608 - constants only

_DAYS: Final = filled(DAILY, tutorial=_CHOSEN, first="toDate($__fromTime)", last="toDate($__toTime)", limit="400")

_NOW: Final = (
    rows(
        "Who is stuck now",
        'docs/analysts.md, "1. Who is stuck now?": three failures since the last success in the last half hour. The '
        "console "
        "has names, and what was tried.",
        Sql(of_page(1) + "\nLIMIT 100"),
    ),
    rows(
        "Whom a mentor should call",
        'docs/analysts.md, "10. Whom should a mentor call?": much frustration, little done.',
        Sql(of_page(10)),
        units={"completion_rate": "percent", "hours": "h"},
    ),
)
_ACTIVITY: Final = (
    lines(
        "Active students",
        "Who did anything, by the UTC day of the student's clock. A day with none, where others have many: see the "
        "dashboard Pipeline.",
        Sql(_ACTIVE.replace(", count() AS things_done", "")),
        unit="short",
        width=THIRD,
    ),
    lines(
        "Things done",
        "Facts by day: steps opened and completed, tries, questions, sessions.",
        Sql(_ACTIVE.replace("uniqExact(user_id) AS students, ", "")),
        unit="short",
        width=THIRD,
    ),
    rows(
        "When students work",
        'docs/analysts.md, "9. When do students work?": by three hours of the day, UTC, of all that is known.',
        Sql(of_page(9)),
        width=THIRD,
        units={"failed_percent": "percent"},
    ),
    rows(
        "Tutorials",
        "Each as of the last day on which anything changed. Low completion with high frustration: look at its funnel.",
        Sql(filled(TUTORIALS)),
        width=WHOLE,
        units={"completion": "percent"},
    ),
)
_FUNNEL: Final = (
    bars(
        "$tutorial: opened, tried, completed",
        "Students by step, in the order of the tutorial. The step after which the bars are shorter is where they stop.",
        Sql(_STEPS),
        by="step_slug",
        shown={"opened": GREY, "attempted": AMBER, "completed": GREEN},
        unit="short",
    ),
    lines(
        "$tutorial: scores",
        "Averages over its students, as of the end of each UTC day on which anything changed.",
        Sql(f"SELECT day, completion, engagement, frustration FROM\n(\n{_DAYS}\n)\nORDER BY day"),
        unit="short",
        most=100,
        colours={"completion": GREEN, "frustration": RED},
    ),
    lines(
        "$tutorial: tries that failed, and questions",
        "Counts up to each day. Failures that rise faster than completion: a step or its tests are at fault.",
        Sql(f"SELECT day, compile_failures, test_failures, quiz_failures, questions FROM\n(\n{_DAYS}\n)\nORDER BY day"),
        unit="short",
    ),
    rows(
        "Steps that fail most",
        'docs/analysts.md, "7. Which steps fail most?": of all tutorials, where there were at least five tries.',
        Sql(of_page(7)),
        units={"failed_percent": "percent"},
    ),
    rows(
        "How far cohorts get",
        'docs/analysts.md, "6. How far do the students of each week get?": by the week in which they began.',
        Sql(of_page(6)),
        units={"completion": "percent"},
    ),
)


def dashboard() -> Dashboard:
    """Who needs somebody first, then activity, then the funnel of one tutorial."""
    parts = {"Now": _NOW, "Activity": _ACTIVITY, "Tutorial": _FUNNEL}
    text = "What do students do, where do they stop, and who needs somebody? Whoever sees this sees all academies."
    made = board(
        NAME, "LearnPack Telemetry: Learning", text, parts, sources=("clickhouse",), since="now-90d", refresh="5m"
    )
    tutorial = builders.QueryVariable("tutorial").label("Tutorial").datasource(CLICKHOUSE).query(TUTORIAL.strip())
    # Days are those of UTC.
    made.timezone("utc")
    return made.with_variable(
        tutorial.refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .allow_custom_value(allow_custom_value=False)
        .multi(multi=False)
        .include_all(include_all=False)
    ).build()
