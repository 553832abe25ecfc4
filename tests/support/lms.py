"""The LMS's tables as BreatheCode's Django makes them, with rows of a system that ran for a while."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from operations.history.scored import by_formulas
from streams.core.indicators import compute
from streams.core.slim import slim
from tests.chaos.load import webhooks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.postgres import Database

__all__ = ["DAY_MS", "Lms", "Stored", "instant", "make_tables", "telemetry_of"]

DAY_MS = 86_400_000

_TABLES = """
CREATE TABLE assignments_learnpackwebhook (
    id bigserial PRIMARY KEY, is_streaming boolean NOT NULL, event varchar(15), asset_id integer,
    learnpack_package_id integer, payload jsonb, status varchar(9) NOT NULL, status_text varchar(255),
    student_id integer, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TABLE assignments_assignmenttelemetry (
    id bigserial PRIMARY KEY, asset_slug varchar(200) NOT NULL, user_id integer NOT NULL, telemetry jsonb,
    engagement_score double precision, frustration_score double precision, metrics_algo_version double precision,
    metrics jsonb, total_time interval, completion_rate double precision, created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
"""
_WEBHOOK = """
INSERT INTO assignments_learnpackwebhook
    (is_streaming, event, payload, status, status_text, student_id, created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_TELEMETRY = """
INSERT INTO assignments_assignmenttelemetry
    (asset_slug, user_id, telemetry, engagement_score, frustration_score, metrics_algo_version, metrics, total_time,
     completion_rate, created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, make_interval(secs => %s), %s, %s, %s)
"""


def instant(milliseconds: int) -> datetime:
    """Milliseconds as PostgreSQL takes them."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def make_tables(database: Database) -> None:
    """Create both tables."""
    database.execute(sql.SQL(_TABLES).format())


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of AssignmentTelemetry; `at` is when it was last stored, in milliseconds."""

    user: int
    slug: str
    document: dict[str, Any] | None
    at: int
    scores: dict[str, Any]


def telemetry_of(user: int, slug: str, document: dict[str, Any], at: int) -> Stored:
    """A row as the LMS computes it."""
    found = compute(slim(document))
    scores = {**by_formulas(document), "metrics": found.result, "total_time": found.total_time}
    return Stored(user, slug, document, at, scores)


@dataclass(slots=True)
class Lms:
    """What its tables hold: webhooks with their arrival in milliseconds, and telemetry."""

    webhooks: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    telemetry: list[Stored] = field(default_factory=list)

    @classmethod
    def of_days(cls, count: int, days: int, *, students: int = 12) -> Lms:
        """So many webhooks over some days, and of each student who sent a batch what the LMS made of the last one."""
        load = webhooks(count, random.Random(20), students=students, day_ms=days * DAY_MS)  # noqa: S311 - repeatable
        made = cls(sorted(((one.timestamp, orjson.loads(one.value or b"{}")) for one in load), key=lambda one: one[0]))
        last = {
            (payload["user_id"], payload["slug"]): (at, payload)
            for at, payload in made.webhooks
            if "event" not in payload
        }
        made.telemetry = [telemetry_of(user, slug, document, at + 1) for (user, slug), (at, document) in last.items()]
        made.telemetry.sort(key=lambda row: row.at)
        return made

    def fill(self, database: Database) -> None:
        """Put all of it into the tables, which are empty."""
        self.add_webhooks(database, self.webhooks)
        self.add_telemetry(database, self.telemetry)

    @staticmethod
    def add_webhooks(
        database: Database, some: Iterable[tuple[int, dict[str, Any]]], status: str = "DONE", text: str = "OK"
    ) -> None:
        """More webhooks."""
        rows = [
            ("event" in payload, payload.get("event", "batch"), Jsonb(payload), status, text, payload.get("user_id"))
            + (instant(at),) * 2
            for at, payload in some
        ]
        database.execute_many(_WEBHOOK, rows)

    @staticmethod
    def add_telemetry(database: Database, some: Iterable[Stored]) -> None:
        """More telemetry."""

        def json(value: Any) -> Jsonb | None:
            return None if value is None else Jsonb(value)

        rows = [
            (
                row.slug,
                row.user,
                json(row.document),
                row.scores.get("engagement_score"),
                row.scores.get("frustration_score"),
                row.scores.get("metrics_algo_version"),
                json(row.scores.get("metrics")),
                row.scores.get("total_time"),
                row.scores.get("completion_rate"),
                instant(row.at),
                instant(row.at),
            )
            for row in some
        ]
        database.execute_many(_TELEMETRY, rows)
