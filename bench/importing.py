"""The LMS's rows imported: `uv run python -m bench.importing [--rows 1000000] [--write]`.

A PostgreSQL with the LMS's two tables, filled with a load of students' sessions that is laid year behind year, and the
system as `up` runs it, empty: `import lms` brings the rows while workers and sink already compute and store them;
then it is run once more, which finds nothing to do, and `import compare` holds every score against the LMS's. Seconds
and processor time are those of each command, as its user waits for it, with the start of Python; PostgreSQL's are not
among them.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import clickhouse_connect
import typer

from bench.page import run
from bench.up import system, timed
from schemas.settings import PREFIX
from tests.support.lms import DAY_MS, Lms, Stored, make_tables
from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.support.postgres import Database

__all__: list[str] = []

_COPIES = 20
_DAYS = 90
# Of the load that the tests have, which begins in the spring of 2026: all copies of it are over.
_BEFORE_DAYS = 365
_STUDENTS_APART = 100_000
_LOOK_S = 1.0

# The oldest copy first, so that ids rise with time as the LMS's do.
_WEBHOOKS = """
INSERT INTO assignments_learnpackwebhook
    (is_streaming, event, payload, status, status_text, student_id, created_at, updated_at)
SELECT is_streaming, event, jsonb_set(payload, '{user_id}', to_jsonb(student_id + copy * %s)), status, status_text,
    student_id + copy * %s, created_at - copy * make_interval(days => %s), updated_at - copy * make_interval(days => %s)
FROM assignments_learnpackwebhook, generate_series(%s, 1, -1) AS copy ORDER BY copy DESC, id
"""
_TELEMETRY = """
INSERT INTO assignments_assignmenttelemetry
    (asset_slug, user_id, telemetry, engagement_score, frustration_score, metrics_algo_version, metrics, total_time,
     completion_rate, created_at, updated_at)
SELECT asset_slug, user_id + copy * %s, telemetry, engagement_score, frustration_score, metrics_algo_version, metrics,
    total_time, completion_rate, created_at - copy * make_interval(days => %s),
    updated_at - copy * make_interval(days => %s)
FROM assignments_assignmenttelemetry, generate_series(%s, 1, -1) AS copy ORDER BY copy DESC, id
"""


def _fill(database: Database, rows: int) -> tuple[int, int]:
    """Put so many webhooks into the tables, with documents; how many there are of both."""
    history = Lms.of_days(rows // _COPIES, _DAYS, students=400)
    before = _BEFORE_DAYS * DAY_MS
    history.webhooks = [(at - before, payload) for at, payload in history.webhooks]
    history.telemetry = [
        Stored(row.user, row.slug, row.document, row.at - before, row.scores) for row in history.telemetry
    ]
    make_tables(database)
    history.fill(database)
    apart, copies = _STUDENTS_APART, _COPIES - 1
    database.execute(_WEBHOOKS, (apart, apart, _DAYS, _DAYS, copies))
    database.execute(_TELEMETRY, (apart, _DAYS, _DAYS, copies))
    # What was first has the lowest ids, and is the newest.
    last = len(history.webhooks)
    database.execute("UPDATE assignments_learnpackwebhook SET id = id + 100000000 WHERE id <= %s", (last,))
    ((webhooks,),) = database.execute("SELECT count(*) FROM assignments_learnpackwebhook")
    ((documents,),) = database.execute("SELECT count(*) FROM assignments_assignmenttelemetry")
    return int(webhooks), int(documents)


def _line(env: dict[str, str], *command: str) -> tuple[str, str]:
    """Run a command to its end; its row of the table, and what it wrote."""
    done = timed(env, *command)
    return f"| `{' '.join(command)}` | {done.took:.0f} s | {done.used:.0f} s | {done.most} MiB |", done.wrote


def _stored(env: dict[str, str], rows: int) -> float:
    """Wait until ClickHouse has every row; the seconds that took."""
    began = time.monotonic()
    client = clickhouse_connect.get_client(dsn=env[f"{PREFIX}CLICKHOUSE"])
    names = {"database": env.get(f"{PREFIX}DATABASE", "telemetry")}
    count = "SELECT count() FROM {database:Identifier}.webhooks WHERE status != 'PENDING'"
    while int(client.query(count, names).result_rows[0][0]) < rows:
        time.sleep(_LOOK_S)
    return time.monotonic() - began


def main(rows: Annotated[int, typer.Option(help="Webhooks of the LMS.")] = 1_000_000) -> None:
    """Print what each command takes."""
    with (
        tempfile.TemporaryDirectory() as directory,
        PostgresServer(logical=False) as server,
        server.database() as database,
    ):
        webhooks, documents = _fill(database, rows)
        keeping = {f"{PREFIX}RAW_RETENTION_DAYS": "7300", f"{PREFIX}WEBHOOK_RETENTION_DAYS": "7300"}
        with system(Path(directory), **keeping) as (_, addresses):
            own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
            env = {**own, **addresses, **keeping, f"{PREFIX}LMS_POSTGRES": database.dsn}
            print(f"{webhooks:,} webhooks and {documents:,} documents:\n")
            print("| command | seconds | its processor time | most memory so far |")
            print("| --- | ---: | ---: | ---: |")
            row, said = _line(env, "import", "lms")
            print(row)
            print(f"| until all of it is in ClickHouse | {_stored(env, webhooks + documents):.0f} s more | | |")
            again, found = _line(env, "import", "lms")
            compared, told = _line(env, "import", "compare")
            print(f"{again}\n{compared}\n")
            for text in (said, found, told):
                print("".join(f"    {line}\n" for line in text.splitlines()))


if __name__ == "__main__":
    run(main, "importing")
