"""Queries to be copied, with students in them and without."""

from __future__ import annotations

from typing import Final

from gateway.console.plain_sql import PlainSql
from gateway.insights.stuck import StuckRule
from gateway.reading.webhook_log import Filters

SHOWN: Final = PlainSql("telemetry")
HIDDEN: Final = PlainSql("telemetry", names=False)
FOUND: Final = [
    {"actor": "40025", "asset_slug": "loops"},
    {"actor": "anna", "asset_slug": "loops"},
    {"actor": "anna", "asset_slug": "lists"},
]
FILTERS: Final = Filters(1, joined=(40_025, 40_026), students=(40_025, 40_027), assets=(7,))


def every(sql: PlainSql) -> list[str]:
    """Each query that is about students."""
    return [
        sql.minutes(1, 60, [40_025, 40_026]),
        sql.stuck(StuckRule(), ["loops", "lists"], FOUND),
        *sql.student(40_025),
        sql.stuck(StuckRule(), [], FOUND, [40_026, 40_025], "12's"),
        sql.timeline(40_025, "loops"),
        *sql.tutorial("loops", ["40025", "anna"]),
        sql.webhooks(FILTERS, 50, 0),
    ]


def test_students_are_named_where_names_are_shown() -> None:
    """By id, or by whatever stands for them."""
    minutes, stuck, *_, log = every(SHOWN)

    assert "student_id IN (40025, 40026)" in minutes
    assert "(actor, asset_slug) IN (('40025', 'loops'), ('anna', 'lists'), ('anna', 'loops'))" in stuck
    assert "(has(academy_ids, 1) OR student_id IN (40025, 40026)) AND student_id IN (40025, 40027)" in log
    assert "AND step_slug != '' AND actor IN ('40025', 'anna')" in "".join(SHOWN.tutorial("loops", ["anna", "40025"]))


def test_students_are_not_named_where_names_are_hidden() -> None:
    """Neither by ids nor by anything else; all else stays."""
    minutes, stuck, *others, log = every(HIDDEN)

    for query in (minutes, stuck, *others, log):
        assert not [one for one in ("40025", "40026", "40027", "anna") if one in query]
    assert "(actor, asset_slug) IN (('STUDENT', 'lists'), ('STUDENT', 'loops'))" in stuck
    assert "(has(academy_ids, 1) OR student_id IN (STUDENT)) AND student_id IN (STUDENT) AND asset_id IN (7)" in log
    assert sum("STUDENT" in query for query in others) == 5


def test_who_is_stuck_is_asked_of_all_members() -> None:
    """Where staff see nobody else, so that a query that is copied finds who is stuck when it is run."""
    query = SHOWN.stuck(StuckRule(), ["loops"], FOUND, [40_026, 40_025], "12's")

    assert "AND user_id IN (40025, 40026) AND (actor, asset_slug) IN (SELECT actor" in query
    assert "= '12\\'s')" in query
    assert "anna" not in query


def test_of_no_students_nothing_is_asked() -> None:
    """A query without them would be about those of all academies."""
    assert len(SHOWN.tutorial("loops", [])) == len(SHOWN.tutorial("loops", ["anna"])) - 1
