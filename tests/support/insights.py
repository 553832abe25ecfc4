"""A system that has stored the bundled documents, and those of students who are stuck now."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.demo.documents import demo_documents
from gateway.reading.shown import iso_instant
from operations.directory import publish_reference
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_all
from sinks.templates import Installation
from tests.support.http_system import HttpSystem, http_system
from tests.support.payloads import START, attempt, document, step
from tests.support.sink import SinkBench
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack

__all__ = [
    "FOREIGNER",
    "MARKUP",
    "MEMBER",
    "UNKNOWN",
    "as_json",
    "cells",
    "days_of",
    "results",
    "stuck",
    "told_system",
    "tried",
]

MARKUP: Final = "<script>alert(1)</script>"

# Of academy 1, of academy 2, and of none: an open directory leaves that one to all staff.
MEMBER, FOREIGNER, UNKNOWN = 123, 900, 31_000


def _ago(minutes: float) -> float:
    """An instant so long before now, as tests.support.payloads counts."""
    return time.time() - minutes * 60 - START / 1000


def _struggling(student: int, **fields: Any) -> dict[str, Any]:
    """A document of a student who opened the second step twenty minutes ago and has failed in it four times since."""
    tries = [{**attempt(_ago(minutes), 1), "errorType": "TypeError"} for minutes in (18, 9, 4, 2)]
    first = step("00-welcome", _ago(25), _ago(21), position=0)
    second = step(MARKUP, _ago(20), position=1, tests=[attempt(_ago(19), 0), *tries], is_testeable=True)
    return document(
        first, second, last=_ago(2), user_id=student, slug="everybodys", telemetry_id=f"run-{student}", **fields
    )


@contextlib.contextmanager
def told_system(stack: Stack, home: Path) -> Iterator[HttpSystem]:
    """With an open directory that knows of academies 1 and 2; everything that was sent is in all tables."""
    with http_system(stack, home, directory="open") as running:
        users = Topics.of(running.settings).users
        member = {"id": MEMBER, "first_name": MARKUP, "last_name": "Lovelace", "academies": [1]}
        asyncio.run(publish_reference(running.settings, users, [(b"%d" % MEMBER, orjson.dumps(member))]))
        bodies = [
            *demo_documents(),
            *(orjson.dumps(_struggling(student)) for student in (FOREIGNER, UNKNOWN)),
            orjson.dumps(_struggling(MEMBER, cohort_id=12)),
        ]
        with running.client("ingest") as client:
            for body in bodies:
                assert client.post("/v1/assignment/me/telemetry", content=body).text == "ok"
        asyncio.run(_stored(running, len(bodies)))
        yield running


async def _stored(system: HttpSystem, count: int) -> None:
    """Wait until everything is in all tables."""
    bench = SinkBench(system.settings, system.processes, system.directory)

    async def arrived() -> bool:
        ((outcomes, figures, compiles),) = system.query(
            "SELECT (SELECT count() FROM webhooks), (SELECT sum(compiles) FROM asset_daily),"
            " (SELECT countIf(event = 'compile') FROM events)"
        )
        return outcomes == count and await bench.lag() == 0 and figures == compiles

    await aeventually(arrived, 90, "the rows of all webhooks")
    # The days' figures are computed of facts and of scores, in a beat of their own: those of the last scores may lack.
    with contextlib.closing(connect(system.settings)) as client:
        refresh_all(client, Installation.of(system.settings))


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an answer."""
    rows: list[dict[str, Any]] = answer["results"]
    return rows


def tried(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a funnel that anybody tried."""
    return [row for row in results(answer) if row["tries"]]


def cells(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a grid with their students."""
    found = [{"actor": row["actor"], **cell} for row in results(answer) for cell in row["steps"]]
    return sorted(found, key=lambda cell: (cell["actor"], cell["step_slug"]))


def days_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The days of a student's tutorials."""
    rows = sorted(results(answer), key=lambda row: str(row["asset_slug"]))
    return [{**day, "asset_slug": row["asset_slug"]} for row in rows for day in row["days"]]


def stuck(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Who is stuck with most failures, and of these whoever was there last, first."""
    rows = sorted(results(answer), key=lambda row: (row["failures"], row["last_seen"]), reverse=True)
    return [{**row, "user_id": row["student"]["id"]} for row in rows]


def as_json(value: Any) -> Any:
    """A column's value as answers show it: JSON has no NaN, the mean of nothing."""
    if value != value:  # noqa: PLR0124 - NaN alone is not itself
        return None
    if isinstance(value, datetime):
        return iso_instant(value)
    return str(value) if isinstance(value, date) else value
