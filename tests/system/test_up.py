"""`up`: the whole system as a person starts it, with nothing but the command and HTTP.

One system serves all tests, in their order: the first two look at what the demo alone has left.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.demo.documents import demo_documents
from deploy.local.resources import free_port
from schemas.settings import PREFIX
from tests.support.blocks import run_by
from tests.support.plain_http import PLAIN
from tests.support.processes import Processes, is_alive
from tests.support.up import CALLER, COMMAND, PARTS, System, command_line, descendants, environment
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose demo has ended, on a machine without Java."""
    directory = tmp_path_factory.mktemp("up")
    env = environment()
    assert shutil.which("java", path=env["PATH"]) is None
    bind = {f"{PREFIX}GATEWAY_BIND": f"127.0.0.1:{free_port()}"}
    processes = Processes(directory)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - env.keys():
            patch.delenv(name)
        patch.setenv("PATH", env["PATH"])
        system = System(directory / ".telemetry", processes, bind)
        try:
            system.start("--demo", until="Ask it yourself")
            yield system
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                system.interrupt()
            processes.end_all()


def test_the_demo_tables_what_the_database_holds(system: System) -> None:
    """Every bundled document is stored, and the facts by kind are those that SQL counts."""
    shown = dict(re.findall(r"│ (\w+) +│ +(\d+) │ +\d+ │", system.child.output))
    counted = dict(
        line.split("\t") for line in system.sql("SELECT event, count() FROM telemetry.events GROUP BY 1").splitlines()
    )

    assert f"│ DONE   │ stored  │ {len(demo_documents()):>8} │" in system.child.output
    assert shown == counted
    assert int(system.sql("SELECT count() FROM telemetry.events FINAL")) == sum(map(int, shown.values())) > 0


def test_the_start_tells_each_part_and_no_errors(system: System) -> None:
    """Parts are named as they start and as they are ready, nothing that passes by itself is told."""
    start = system.child.output.partition("LearnPack Telemetry is up")[0]

    for part in PARTS:
        assert f"supervisor │ {part} starts\n" in start
        assert f"supervisor │ {part} is ready after " in start
    assert not re.findall(r"\[(?:error|critical)|coordinator dead", start), start


def test_the_doctor_has_nothing_to_mend(system: System) -> None:
    """With DIR/env as its environment every check of a fresh system passes."""
    command = [sys.executable, "-m", "deploy.cli", "doctor", "--json"]

    run = subprocess.run(command, env={**os.environ, **system.addresses}, capture_output=True, check=False)

    assert [one for one in json.loads(run.stdout) if one["state"] != "ok"] == []
    assert run.returncode == 0


def test_the_readme_is_true(system: System) -> None:
    """The tables in README.md are the demo's, and its commands answer what stands below them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    tables = re.findall(r"```text\n(Webhooks\n.*?)```", readme, re.DOTALL)
    commands = run_by("tests/system/test_up.py::test_the_readme_is_true")

    assert len(tables) == 1
    assert tables[0] in system.child.output
    assert len(commands) == 3
    for block in commands:
        assert block.output
        eventually(lambda: system.shell(block.text).strip() == block.output.strip(), 30, str(block))  # noqa: B023 - at once


def test_another_terminal_knows_the_command(system: System) -> None:
    """After the pages' one line, and after the banner's from anywhere, it is a command that finds the system."""
    (system.directory.parent / ".venv").symlink_to(sys.prefix)
    lines = {block.text.strip() for block in run_by("tests/system/test_up.py::test_another_terminal_knows_the_command")}
    (banner,) = re.findall(r"^terminals +(\. .*)$", system.child.output, re.MULTILINE)
    assert len(lines) == 1

    for line, place in ((lines.pop(), system.directory.parent), (banner, Path("/"))):
        done = subprocess.run(
            ["sh", "-c", f"{line}\nlearnpack-telemetry directory show"],
            cwd=place,
            env=CALLER,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "0 tasks" in done.stdout) == (0, True), done.stderr


def test_the_first_line_leads_into_the_console(system: System) -> None:
    """Once; whoever follows the link again is asked for a token."""
    (link,) = re.findall(r"^console +(\S+)$", system.child.output, re.MULTILINE)
    shown = []
    for _ in range(2):
        with httpx.Client(timeout=30, verify=PLAIN, follow_redirects=True) as client:
            shown.append(client.get(link).text)

    assert ["<title>Overview" in page for page in shown] == [True, False]
    assert "<title>Log in" in shown[1]


def test_a_posted_document_can_be_counted(system: System) -> None:
    """A document that the gateway took is in the tables: webhook, facts, scores, document."""
    system.post_and_see(501)

    assert system.sql("SELECT status, verdict FROM telemetry.webhooks WHERE student_id = 501") == "DONE\tstored"
    assert system.sql("SELECT completion_rate FROM telemetry.scores WHERE user_id = 501") == "0"
    assert system.sql("SELECT length(document) > 0 FROM telemetry.telemetry WHERE user_id = 501") == "1"


def test_its_staff_see_what_came_in_without_an_academy(system: System) -> None:
    """The demo's documents name no academy, and are in the log of the one that the token is of."""
    answer = httpx.get(
        f"{system.addresses['TELEMETRY_GATEWAY_URL']}/v1/assignment/academy/learnpack/webhook",
        headers={"Authorization": f"Token {system.addresses['TELEMETRY_TOKEN']}", "Academy": "1"},
        timeout=30,
        verify=PLAIN,
    )

    assert answer.json()["count"] >= len(demo_documents())
    assert system.sql("SELECT countIf(empty(academy_ids)) FROM telemetry.webhooks WHERE source != 'staff'") == "0"


def test_the_addresses_serve_other_commands(system: System) -> None:
    """With DIR/env as its environment `status` finds every part well and nothing left to do."""
    command = [sys.executable, "-m", "deploy.cli", "status", "--json"]

    def status() -> dict[str, Any] | None:
        run = subprocess.run(command, env={**os.environ, **system.addresses}, capture_output=True, check=False)
        found: dict[str, Any] = json.loads(run.stdout)
        return found if run.returncode == 0 and not any(entry["lag"] for entry in found["lag"]) else None

    found = eventually(lambda: status() or {}, 60, "a healthy status without lag")

    assert found["parts"] == dict.fromkeys(("gateway", "kafka", "worker", "sink", "clickhouse"), "ok")
    assert found["rows"]["raw"] == found["rows"]["webhooks"] >= len(demo_documents())
    assert {entry["topic"] for entry in found["lag"]} >= {"learnpack.webhooks.raw", "learnpack.facts"}


def test_the_addresses_are_of_one_system_alone(system: System) -> None:
    """Sourced over those of another system they leave nothing of it: directories and names are all there."""
    addresses = system.addresses

    assert addresses["TELEMETRY_DATA"] == str(system.directory)
    assert addresses["TELEMETRY_SPOOL"] == str(system.directory / "spool")
    assert (addresses["TELEMETRY_TOPIC_PREFIX"], addresses["TELEMETRY_DATABASE"]) == ("learnpack.", "telemetry")
    assert addresses["TELEMETRY_PARTITIONS"] == "4"


def test_the_lines_for_a_tutorial_work_as_they_are(system: System) -> None:
    """What `up` prints for learn.json has a key with which an event is taken."""
    (line,) = re.findall(r'"streaming": "(\S+)"', system.child.output)

    answer = httpx.post(
        line,
        json={"event": "open_step", "user_id": 503, "slug": "lists", "telemetry_id": "r"},
        timeout=30,
        verify=PLAIN,
    )

    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_directory_has_one_system(system: System) -> None:
    """A second `up` on the same directory is refused in one line, and the first goes on."""
    second = subprocess.run([*COMMAND, str(system.directory)], capture_output=True, text=True, check=False, timeout=60)

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.splitlines() == [
        f"error: a system runs on {system.directory} already; stop it or name another directory with --data."
    ]
    system.post_and_see(502)


@pytest.mark.parametrize(("part", "student"), [(part, 510 + place) for place, part in enumerate(PARTS)])
def test_a_killed_part_comes_back(system: System, part: str, student: int) -> None:
    """After SIGKILL to any part it runs again, and the next document arrives."""
    before = system.pid(part)
    os.kill(before, signal.SIGKILL)

    eventually(lambda: system.pid(part) != before, 30, f"{part} again")
    system.post_and_see(student)


def test_an_interrupted_system_leaves_nothing_and_goes_on_later(system: System) -> None:
    """Ctrl-C ends everything within 10 s; a later `up` has all rows, takes documents, and is where it was before."""
    system.post_and_see(520)
    before = system.addresses
    rows = system.sql("SELECT count(), uniqExact(item_id) FROM telemetry.events")
    running = descendants(system.child.pid)
    assert len(running) >= len(PARTS)

    code = system.interrupt()

    assert code == 0
    assert not [command_line(pid) for pid in running if is_alive(pid)]

    system.start(until="LearnPack Telemetry is up")

    assert system.addresses == before
    assert system.sql("SELECT count(), uniqExact(item_id) FROM telemetry.events") == rows
    system.post_and_see(521)
