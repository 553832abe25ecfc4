"""Data that an earlier release has left on disk, opened by this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.support.release_data import ARCHIVE, EXPECTED, STUDENTS, UP, answers, make, settled, work, work_more
from tests.support.sources import ROOT
from tests.support.up import alone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.up import System

pytestmark = pytest.mark.system

KEPT = ROOT / "tests/data/release-0.1.0"
SPOOLED, IDLE, GOES_ON = STUDENTS
# One row for each: those of a student who has done nothing more are as they were.
BY_STUDENT = ("telemetry", "scores", "student_day")
BY_WEBHOOK = {"events": "webhook_id", "webhooks": "id", "raw": "id", "dead_letters": "id"}


def command(system: System, *arguments: str) -> str:
    """What a command prints in a terminal that knows the system; raises AssertionError where it fails."""
    environment = {**os.environ, **system.addresses}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def facts_of(found: dict[str, list[dict[str, Any]]], student: int) -> list[tuple[str, str]]:
    """Which facts were told of a student, and of which steps."""
    return sorted((row["event"], row["step_slug"]) for row in found["events"] if int(row["actor"]) == student)


def post_all(system: System, payloads: list[dict[str, Any]]) -> None:
    """Post one after another."""
    for payload in payloads:
        assert system.post(payload) == "200 ok"


def goes_on(system: System, before: dict[str, list[dict[str, Any]]]) -> None:
    """Hold a running system to the rows that an earlier release's readers saw, and see it go on from its state."""
    webhooks = len(before["raw"]) + len(work_more(SPOOLED))
    settled(system, webhooks)
    found = answers(system)

    for name, column in BY_WEBHOOK.items():
        known = {row[column] for row in before[name]}
        assert [row for row in found[name] if row[column] in known] == before[name], name
    for name in BY_STUDENT:
        rows = [row for row in before[name] if int(row["actor"]) != SPOOLED]
        assert [row for row in found[name] if int(row["actor"]) != SPOOLED] == rows, name
    assert {row["difference"] for row in found["ledger"]} == {0}
    assert found["dead_letters"] == []
    assert len(facts_of(found, SPOOLED)) > len(facts_of(before, SPOOLED))

    post_all(system, [payload for _, payload in work(IDLE).posted])
    post_all(system, work_more(GOES_ON))
    settled(system, webhooks + len(work(IDLE).posted) + len(work_more(GOES_ON)))
    after = answers(system)
    assert facts_of(after, IDLE) == facts_of(before, IDLE)
    assert facts_of(after, GOES_ON) == facts_of(found, SPOOLED)
    assert len({row["item_id"] for row in after["events"]}) == len(after["events"])


def opened(archive: Path, directory: Path) -> None:
    """Unpack a data directory."""
    subprocess.run(["tar", "-xJf", str(archive), "-C", str(directory)], check=True)


def test_an_earlier_releases_data_are_gone_on_with(tmp_path: Path) -> None:
    """Rows are as its readers saw them; spooled webhooks come in; repeats tell nothing new, and students go on."""
    opened(KEPT / ARCHIVE, tmp_path)
    before = orjson.loads((KEPT / EXPECTED).read_bytes())
    with alone(tmp_path) as system:
        system.start(until=UP)

        goes_on(system, before)

        assert json.loads((system.directory / "written-by.json").read_bytes())["format"] == 1
        assert not list((system.directory / "spool").glob("*.segment"))
        assert "is restored from the changelog" not in system.child.output
        assert "Everything is up to date." in command(system, "setup", "--plan")


@pytest.mark.long
def test_what_two_releases_computed_is_what_one_computes(tmp_path: Path) -> None:
    """State, facts, scores and figures equal a recomputation of the whole log by this release."""
    opened(KEPT / ARCHIVE, tmp_path)
    before = orjson.loads((KEPT / EXPECTED).read_bytes())
    with alone(tmp_path) as system:
        system.start(until=UP)
        goes_on(system, before)

        told = command(system, "replay", "--dry-run", "--workers", "1")

        (saved,) = (system.directory / "replay").glob("comparison-*.json")
        assert json.loads(saved.read_bytes())["equal"], told


@pytest.mark.long
def test_this_releases_data_can_be_kept(tmp_path: Path) -> None:
    """What makes the kept data makes them of this release as well, and it goes on with them."""
    make(tmp_path / "kept", ROOT)
    opened(tmp_path / "kept" / ARCHIVE, tmp_path)
    before = orjson.loads((tmp_path / "kept" / EXPECTED).read_bytes())
    with alone(tmp_path) as system:
        system.start(until=UP)

        goes_on(system, before)

        system.child.signal(signal.SIGINT)
        assert system.child.process.wait(60) == 0
