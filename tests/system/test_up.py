"""`up`: the whole system as a person starts it, with nothing but the command and HTTP.

One system serves all tests, in their order: the first two look at what the demo alone has left.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.demo.documents import demo_documents
from deploy.demo.made import FIRST_MADE
from deploy.metrics_page import every_part
from deploy.run.scraping import targets_of
from tests.support.blocks import run_by
from tests.support.metrics import kinds, lint, need_prometheus, sample, scrape
from tests.support.plain_http import PLAIN
from tests.support.up import CALLER, PARTS, System, alone
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

# What the demo makes up beside its documents is of students above.
REAL = f"WHERE user_id < {FIRST_MADE}"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose demo has ended."""
    with alone(tmp_path_factory.mktemp("up")) as system:
        system.start("--demo", until="Ask it yourself")
        yield system


def test_the_demo_tells_what_the_database_holds(system: System) -> None:
    """Every bundled document is stored, and the facts by kind are those that SQL counts."""
    told = re.findall(r"^facts +(\d+): (.*?)^scores", system.child.output, re.MULTILINE | re.DOTALL)
    ((total, listed),) = told
    shown = {name: number for number, name in re.findall(r"(\d+) (\w+)", listed)}
    counted = dict(
        line.split("\t")
        for line in system.sql(f"SELECT event, count() FROM telemetry.events {REAL} GROUP BY 1").splitlines()
    )

    assert f"webhooks  {len(demo_documents())} DONE (stored)\n" in system.child.output
    assert shown == counted
    facts = int(system.sql(f"SELECT count() FROM telemetry.events FINAL {REAL}"))
    assert facts == sum(map(int, shown.values())) == int(total)


def test_every_page_of_the_console_has_something_to_show(system: System) -> None:
    """Who is stuck, days and verdicts of a week, letters that wait, and rules with a history."""
    gateway = f"{system.addresses['TELEMETRY_GATEWAY_URL']}/v1/telemetry"
    headers = {"Authorization": f"Token {system.addresses['TELEMETRY_TOKEN']}", "Academy": "1"}
    with httpx.Client(base_url=gateway, headers=headers, timeout=30, verify=PLAIN) as client:
        operations = client.get("/operations").json()
        stuck, overview, letters, history, days = (
            client.get(path).json()
            for path in (
                "/academy/students/stuck",
                "/academy/overview",
                "/dead-letters",
                "/academy/rules/history",
                "/academy/assets/exercise-postcard/daily",
            )
        )
    ledger = overview["ledger"]
    verdicts = {name: sum(day[name] for day in ledger) for name in ("ignored", "duplicate", "error", "dead")}

    assert sorted(row["asset_slug"] for row in stuck["results"]) == [
        "exercise-postcard",
        "pandas-for-machine-learning",
        "prompt-engineering-for-beginners",
    ]
    assert all(row["student"]["first_name"] for row in stuck["results"])
    assert operations["parts"]["gateway"] == "ok"
    assert {one["name"] for one in operations["processes"]} == set(PARTS)
    assert all(one["memory_bytes"] > 1_000_000 for one in operations["processes"])
    assert len(ledger) >= 6
    assert verdicts == {"ignored": 14, "duplicate": verdicts["duplicate"], "error": 1, "dead": 2}
    assert verdicts["duplicate"] >= 1
    assert (letters["count"], len(letters["groups"])) == (2, 1)
    assert len(history["results"]) == 2
    assert len(days["results"]) >= 5


def test_the_start_tells_each_part_and_no_errors(system: System) -> None:
    """Parts are named as they start and as they are ready, nothing that passes by itself or is as it should is told."""
    start = system.child.output.partition("LearnPack Telemetry is up")[0]

    for part in PARTS:
        assert f"supervisor │ {part} starts\n" in start
        assert f"supervisor │ {part} is ready after " in start
    assert not re.findall(r"\[(?:info|error|critical)|coordinator dead", start, re.IGNORECASE), start


def test_all_that_parts_write_is_in_files(system: System) -> None:
    """One for each, and one for the supervisor; each says how it began."""
    begun = {
        "clickhouse": "serves http://",
        "worker-1": "worker is ready",
        "sink": "sink is ready",
        "gateway": "gateway accepts webhooks",
        "supervisor": "gateway is ready after",
    }
    logs = {path.stem: path.read_text() for path in (system.directory / "logs").glob("*.log")}

    assert {name for name, text in begun.items() if text in logs.get(name, "")} == begun.keys()


def test_the_doctor_has_nothing_to_mend(system: System) -> None:
    """With DIR/env as its environment every check of a fresh system passes."""
    command = [sys.executable, "-m", "deploy.cli", "doctor", "--json"]

    run = subprocess.run(command, env={**os.environ, **system.addresses}, capture_output=True, check=False)

    assert [one for one in json.loads(run.stdout) if one["state"] != "ok"] == []
    assert run.returncode == 0


def test_the_readme_is_true(system: System) -> None:
    """The figures in README.md are the demo's, and its commands answer what stands below them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    figures = re.findall(r"^(The demo sent .*?)^```", readme, re.DOTALL | re.MULTILINE)
    commands = run_by("tests/system/test_up.py::test_the_readme_is_true")

    assert len(figures) == 1
    assert figures[0] in system.child.output
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
    (link,) = re.findall(r"^ +(http\S+/console/login\S+)$", system.child.output, re.MULTILINE)
    shown = []
    for _ in range(2):
        with httpx.Client(timeout=30, verify=PLAIN, follow_redirects=True) as client:
            shown.append(client.get(link).text)

    assert ["<title>Overview" in page for page in shown] == [True, False]
    assert "<title>Log in" in shown[1]


def test_a_posted_document_can_be_counted(system: System) -> None:
    """A document that the gateway took is in the tables: webhook, facts, scores, document."""
    system.post_and_see(501)

    # Each table is filled apart from the others.
    for query, answer in (
        ("SELECT status, verdict FROM telemetry.webhooks WHERE student_id = 501", "DONE\tstored"),
        ("SELECT completion_rate FROM telemetry.scores WHERE user_id = 501", "0"),
        ("SELECT length(document) > 0 FROM telemetry.telemetry WHERE user_id = 501", "1"),
    ):
        eventually(lambda: system.sql(query) == answer, 60, query)  # noqa: B023 - at once


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
        # Rows are not counted at the moment at which the lag is looked at.
        whole = not any(entry["lag"] for entry in found["lag"]) and found["rows"]["raw"] == found["rows"]["webhooks"]
        return found if run.returncode == 0 and whole else None

    found = eventually(lambda: status() or {}, 90, "a healthy status without lag")

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
    """What `up` writes for learn.json has a key with which an event is taken."""
    written = json.loads((system.directory / "learn.json").read_text())["telemetry"]
    assert written.keys() == {"batch", "streaming"}

    answer = httpx.post(
        written["streaming"],
        json={"event": "open_step", "user_id": 503, "slug": "lists", "telemetry_id": "r"},
        timeout=30,
        verify=PLAIN,
    )

    assert (answer.status_code, answer.text) == (200, "ok")


@need_prometheus
def test_every_figure_of_the_page_is_told(system: System) -> None:
    """Prometheus' file names each part, whose figures are those of docs/metrics.md, and ready is as the ready file."""
    targets = json.loads((system.directory / "metrics" / "up.json").read_text())
    addresses = {target["labels"]["process"]: target["targets"][0] for target in targets}
    declared = {
        figure.name: figure.kind
        for part in every_part()
        for figure in part.declared
        # Parts that this system does not have.
        if not figure.name.startswith(("telemetry_forward_", "telemetry_sync_"))
    }
    told: dict[str, str] = {}

    assert addresses == targets_of(system.addresses["TELEMETRY_METRICS_TARGETS"])
    assert addresses.keys() == {"supervisor", "worker-1", "sink", "gateway"}
    for part, address in addresses.items():
        text = scrape(address)
        told |= kinds(text)
        assert lint(text) == ""
        if part != "gateway":
            for path in ("live", "ready"):
                assert httpx.get(f"http://{address}/{path}", timeout=30, verify=PLAIN).status_code == 200
    assert told == declared
    webhooks = int(system.sql("SELECT count() FROM telemetry.raw"))
    for part, series, least in (
        ("sink", 'telemetry_sink_rows_total{table="raw"}', webhooks),
        ("worker-1", 'telemetry_worker_verdicts_total{verdict="stored"}', len(demo_documents())),
    ):
        # What is stored is counted a moment later.
        eventually(lambda: sample(scrape(addresses[part]), series) >= least, 60, series)  # noqa: B023 - at once
    for series in ("kafka_up", "clickhouse_up", 'group_members{group="learnpack.worker.g1"}'):
        eventually(lambda: sample(scrape(addresses["supervisor"]), f"telemetry_monitor_{series}") == 1, 60, series)  # noqa: B023 - at once
