"""What a release leaves on disk: a small data directory of `up`, to be opened by later ones.

`uv run python -m tests.support.release_data DIR [TREE]` makes one by the release in TREE, a checkout with an
environment of its own (left out: this one), and writes DIR/system.tar.xz and DIR/expected.json. All servers were
stopped in good order; in the spool wait webhooks that a gateway took while Kafka was away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from schemas.settings import Settings
from tests.support.arrived import in_every_table
from tests.support.client import Client
from tests.support.processes import Processes
from tests.support.up import System, environment
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ARCHIVE", "EXPECTED", "QUESTIONS", "STUDENTS", "UP", "answers", "settled", "work", "work_more"]

UP = "LearnPack Telemetry is up"
ARCHIVE, EXPECTED = "system.tar.xz", "expected.json"
STUDENTS = (7, 8, 9)
# As long as tests may open what is kept: by default what is 30 days old is removed.
_KEPT_DAYS = {f"TELEMETRY_{name}_RETENTION_DAYS": "10000" for name in ("RAW", "WEBHOOK")}
# 2026-11-29 18:00 UTC, in milliseconds.
_BEGAN = 1_795_975_200_000
# How many days' figures are not those of the facts; a day has what was there until its end.
_FIGURES = """
SELECT count() FROM (SELECT asset_slug, sum(compiles) AS compiles FROM telemetry.asset_daily GROUP BY asset_slug) AS d
FULL JOIN (SELECT asset_slug, countIf(event = 'compile') AS compiles FROM telemetry.events GROUP BY asset_slug) AS e
USING (asset_slug) WHERE d.compiles != e.compiles
"""
# What readers of a release see, without what only tells when it was written.
QUESTIONS = {
    "events": "SELECT * FROM telemetry.events ORDER BY webhook_id, ordinal",
    "webhooks": "SELECT * FROM telemetry.webhooks ORDER BY id",
    "telemetry": "SELECT * FROM telemetry.telemetry ORDER BY asset_slug, actor",
    "scores": "SELECT * FROM telemetry.scores ORDER BY asset_slug, actor",
    "student_day": "SELECT * FROM telemetry.student_day ORDER BY day, asset_slug, actor",
    "asset_daily": "SELECT * FROM telemetry.asset_daily ORDER BY day, asset_slug",
    "dead_letters": "SELECT * FROM telemetry.dead_letters ORDER BY id",
    "ledger": "SELECT * FROM telemetry.ledger ORDER BY day, academy_id",
    "raw": "SELECT * FROM telemetry.raw FINAL ORDER BY id",
}


def work(student: int) -> Client:
    """What a client posts while a student opens a tutorial and makes attempts."""
    client = Client([True, True, False], _BEGAN + student * 1_000, f"run-of-{student}", student)
    for place in (0, 1):
        client.open(place)
        client.attempt(place, "compile", student % 2)
        client.attempt(place, "test", 0)
        client.ask(place)
    client.batch()
    return client


def work_more(student: int) -> list[dict[str, Any]]:
    """What the same client posts when the student goes on: a streamed event, then the whole document."""
    client = work(student)
    before = len(client.posted)
    client.open(2)
    client.attempt(2, "compile", 0)
    client.batch()
    return [payload for _, payload in client.posted[before:]]


def answers(system: System) -> dict[str, list[dict[str, Any]]]:
    """All rows of the public views."""
    return {
        name: [orjson.loads(line) for line in system.sql(f"{query} FORMAT JSONEachRow").splitlines()]
        for name, query in QUESTIONS.items()
    }


def settled(system: System, webhooks: int) -> None:
    """Wait until so many webhooks, and everything of them, are in the tables."""
    counts = (
        "SELECT (SELECT count() FROM telemetry.webhooks), (SELECT count() FROM telemetry.raw FINAL), "
        "(SELECT sum(pending) FROM telemetry.ledger)"
    )

    def there() -> bool:
        return system.sql(counts).split("\t") == [str(webhooks), str(webhooks), "0"]

    what = f"{webhooks} webhooks in all tables"
    eventually(there, 240, what)
    kafka, partitions = (system.addresses[f"TELEMETRY_{name}"] for name in ("KAFKA", "PARTITIONS"))
    # Facts, scores and documents are stored each on their own, behind the outcomes or before them.
    in_every_table(Settings(_env_file=None, kafka=kafka, partitions=int(partitions)))
    # The days' figures are computed last, of the scores that there are.
    eventually(lambda: system.sql(_FIGURES) == "0", 240, what)


def _spool(system: System, python: str, tree: Path, payloads: Sequence[dict[str, Any]]) -> None:
    """Let a gateway take webhooks while nothing else runs."""
    ready = system.directory.parent / "gateway.ready"
    gateway = system.processes.start(
        [python, "-m", "deploy.cli", "gateway", "--ready-file", str(ready)], _env(system), tree
    )
    bind = system.addresses["TELEMETRY_GATEWAY_URL"]

    def posted(payload: dict[str, Any]) -> bool:
        try:
            return system.post(payload) == "200 ok"
        except httpx.HTTPError:
            return False

    for payload in payloads:
        eventually(lambda payload=payload: posted(payload), 60, f"`ok` of {bind}")  # type: ignore[misc]
    gateway.terminate(30)


def _env(system: System) -> dict[str, str]:
    bind = system.addresses["TELEMETRY_GATEWAY_URL"].removeprefix("http://")
    return {**system.addresses, "TELEMETRY_GATEWAY_BIND": bind, "TELEMETRY_DEFAULT_ACADEMY": "1"}


def make(target: Path, tree: Path) -> None:
    """Write archive and expected rows of a release below `target`; `tree` is its checkout."""
    python = str(tree / ".venv/bin/python")
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        processes = Processes(Path(name))
        system = System(Path(name) / ".telemetry", processes, _KEPT_DAYS)
        try:
            _begin(system, python, tree)
            posted = [payload for student in STUDENTS for _, payload in work(student).posted]
            for payload in posted:
                assert system.post(payload) == "200 ok"
            settled(system, len(posted))
            target.mkdir(parents=True, exist_ok=True)
            (target / EXPECTED).write_bytes(orjson.dumps(answers(system), option=orjson.OPT_INDENT_2))
            system.child.signal(signal.SIGINT)
            assert system.child.process.wait(60) == 0, system.child.output
            _spool(system, python, tree, work_more(STUDENTS[0]))
            assert list((system.directory / "spool").glob("*.segment"))
        finally:
            processes.end_all()
        for unneeded in ("logs", "run", "lock"):
            found = system.directory / unneeded
            shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
        # Kafka gives its indexes ten megabytes each, most of them empty.
        packed = ["tar", "--sparse", "--owner=0", "--group=0", "-C", name, "-cJf", str(target / ARCHIVE), ".telemetry"]
        subprocess.run(packed, env={**os.environ, "XZ_OPT": "-9e"}, check=True)


def _begin(system: System, python: str, tree: Path) -> None:
    command = [python, "-m", "deploy.cli", "up", "--data", str(system.directory)]
    system.child = system.processes.start(command, system.env, tree)
    system.child.says(UP, 240)


def main(target: str, tree: str = ".") -> None:
    """Make them without any settings of the environment."""
    kept = environment()
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]
    make(Path(target).absolute(), Path(tree).absolute())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(*sys.argv[1:])
