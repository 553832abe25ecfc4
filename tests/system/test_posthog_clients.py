"""The real `posthog` package, today's and 3.x, unmodified: each captured event is one row, a resent batch adds none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson
import pytest

from operations.directory import publish_reference
from schemas.wire.topics import Topics
from tests.support.arrived import in_every_table
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

SENDER: Final = Path(__file__).parents[1] / "support" / "posthog_sender.py"
OLD: Final = "posthog==3.25.0"
NOTEBOOK: Final = "posthog-notebook"

_HOPS: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """Gateway, worker and sink."""
    with http_system(stack, tmp_path_factory.mktemp("posthog")) as running:
        yield running


@contextlib.contextmanager
def losing_answers(url: str, lost: int) -> Iterator[tuple[str, list[int]]]:
    """A way to the gateway on which the first answers are lost: its address, and the statuses that the gateway gave."""
    statuses: list[int] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOPS}
            answer = httpx.post(f"{url}{self.path}", content=body, headers=headers, timeout=30, verify=PLAIN)
            with lock:
                statuses.append(answer.status_code)
                is_lost = len(statuses) <= lost
            self.send_response(503 if is_lost else answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", statuses
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sender_of(version: str) -> list[str]:
    """The command that runs the sender with a version of the package; skips where an old one cannot be had."""
    if version == "current":
        return [sys.executable, str(SENDER)]
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed, which makes the environment of the old posthog package")
    command = [uv, "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable, "--with", version]
    tried = subprocess.run([*command, "python", "-c", "import posthog"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"{version} cannot be installed, the package index may be out of reach: {tried.stderr[-200:]}")
    return [*command, "python", str(SENDER)]


def send(version: str, host: str, student: str, gzip: str) -> int:
    """Run the sender; how many events it captured."""
    done = subprocess.run(
        [*sender_of(version), host, secret("ingest"), student, gzip],
        env={name: value for name, value in os.environ.items() if not name.startswith("POSTHOG_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def settled(system: HttpSystem, student: str) -> dict[str, int]:
    """Once all that was sent is in every table: how many records of a student there are of each verdict."""
    in_every_table(system.settings)
    rows = system.query(
        "SELECT verdict, count() FROM webhook_log WHERE position(payload, {s:String}) > 0 GROUP BY ALL", s=student
    )
    return {str(verdict): int(count) for verdict, count in rows}


def count(system: HttpSystem, student: str) -> int:
    """The rows of `events` of a student and whose name begins with the student's."""
    ((rows,),) = system.query("SELECT count() FROM events WHERE startsWith(actor, {s:String})", s=student)
    return int(rows)


@pytest.mark.parametrize("gzip", ["plain", "gzip"])
@pytest.mark.parametrize("version", ["current", OLD])
def test_every_captured_event_is_one_row(system: HttpSystem, version: str, gzip: str) -> None:
    """While answers are lost and the client posts its batches again, each event is in `events` once."""
    student = f"STUDENT-{uuid.uuid4().hex[:8]}"
    with losing_answers(system.url, 2) as (host, statuses):
        captured = send(version, host, student, gzip)
    verdicts = settled(system, student)

    assert set(statuses) == {200}
    assert verdicts.pop("duplicate") >= 1
    assert verdicts.keys() == {"stored"}
    assert count(system, student) == captured
    rows = system.query(
        "SELECT event, count(), countIf(succeeded), countIf(error_type = 'ValueError') FROM events "
        "WHERE actor = {s:String} AND asset_slug = {n:String} AND source = 'notebook' GROUP BY event ORDER BY event",
        s=student,
        n=NOTEBOOK,
    )
    assert [tuple(row) for row in rows] == [
        ("awkward", 1, 0, 0),
        ("cell", 30, 0, 0),
        ("start", 1, 0, 0),
        ("test", 4, 1, 2),
    ]
    assert "x = 1" not in str(
        system.query("SELECT toString(properties) FROM events WHERE actor = {s:String}", s=student)
    )


def test_a_notebook_is_in_scores_days_and_views(system: HttpSystem) -> None:
    """Scores, a notebook's day, the funnel of its exercises and who is stuck cover notebooks, linked to a user."""
    student, stuck = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("ADA", "BOB"))
    notebook = f"nb-{uuid.uuid4().hex[:8]}"
    user = {"id": 123, "first_name": "Ada", "last_name": "Lovelace", "academies": [1], "notebook_names": [student]}
    asyncio.run(publish_reference(system.settings, Topics.of(system.settings).users, [(b"123", orjson.dumps(user))]))

    def event(whose: str, name: str, **properties: Any) -> dict[str, Any]:
        return {
            "event": name,
            "distinct_id": whose,
            "uuid": str(uuid.uuid4()),
            "properties": {"nb": notebook, **properties},
        }

    def linked() -> bool:
        with system.client(None, None) as client:
            client.post("/e/", json={"api_key": secret("ingest"), **event(student, "start")}).raise_for_status()
        return bool(system.query("SELECT 1 FROM events WHERE actor = {s:String} AND user_id = 123", s=student))

    eventually(linked, 60, "the name to be linked")
    batch = [
        event(student, "cell", cell_id="ex_1"),
        event(student, "test", ex="ex_1", ok=False),
        event(student, "test", ex="ex_1", ok=True),
        *(event(stuck, "test", ex="ex_1", ok=False) for _ in range(3)),
    ]
    with system.client(None, None) as client:
        client.post("/batch/", json={"api_key": secret("ingest"), "batch": batch}).raise_for_status()

    def scored() -> Any:
        sql = "SELECT user_id, actor, completion_rate FROM scores WHERE asset_slug = {n:String} ORDER BY actor"
        rows = [tuple(row) for row in system.query(sql, n=notebook)]
        return rows if rows == [(123, student, 100.0), (None, stuck, 0.0)] else []

    def of_the_day() -> Any:
        sql = (
            "SELECT completion_avg, total_sessions, active_students, tests, test_failures "
            "FROM asset_daily WHERE asset_slug = {n:String}"
        )
        rows = [tuple(row) for row in system.query(sql, n=notebook)]
        return rows if rows == [(50.0, 2, 2, 5, 4)] else []

    eventually(scored, 60, "scores of both")
    eventually(of_the_day, 60, "the notebook's day")
    funnel = system.query(
        "SELECT step_slug, opened, attempted, completed, failures FROM step_funnel WHERE asset_slug = {n:String}",
        n=notebook,
    )
    assert [tuple(row) for row in funnel] == [("ex_1", 2, 2, 1, 4)]
    struggling = system.query(
        "SELECT DISTINCT actor, failures FROM struggling_students WHERE asset_slug = {n:String}", n=notebook
    )
    assert [tuple(row) for row in struggling] == [(stuck, 3)]
    ((difference,),) = system.query("SELECT sum(abs(difference)) FROM ledger")
    assert difference == 0
