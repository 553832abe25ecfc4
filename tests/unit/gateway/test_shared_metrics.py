"""Metrics of several processes: any of them tells of all."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# A process of the number that it is given counts so many answers, and prints what it would tell.
PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace
from broker.watched import FAILURES
from gateway.shared_metrics import SharedMetrics

directory, number, answers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
metrics = SharedMetrics(directory, number)
spool = SimpleNamespace(records=number, size=10 * number, limit=100, damaged=0, age=5.0 * number)
metrics.watch(SimpleNamespace(direct=number != 2), spool, directory)
metrics.requests.labels("/here", 200).inc(answers)
metrics.seconds.labels("/here").observe(0.02)
FAILURES["a task"] += number
print(metrics.text().decode())
"""


def told(directory: Path, number: int, answers: int) -> dict[str, float]:
    """What a process tells, of itself and of those before it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(directory), str(number), str(answers)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: float(value) for name, value in re.findall(r"^([^#\n].*) (\S+)$", done.stdout, re.MULTILINE)}


def test_counts_of_all_processes_are_added_and_survive_them(tmp_path: Path) -> None:
    """One that comes in place of another counts on; what is no count is what each said last."""
    answered = 'telemetry_gateway_requests_total{route="/here",status="200"}'

    first = told(tmp_path, 1, 5)
    assert first[answered] == 5
    assert first["telemetry_gateway_direct"] == 1

    second = told(tmp_path, 2, 7)
    assert second[answered] == 12
    assert second['telemetry_gateway_request_seconds_count{route="/here"}'] == 2
    assert second["telemetry_gateway_spool_records"] == 3
    assert second["telemetry_gateway_spool_bytes"] == 30
    assert second["telemetry_gateway_spool_used_ratio"] == 0.2
    assert second["telemetry_gateway_spool_age_seconds"] == 10
    assert [value for name, value in second.items() if name.startswith("telemetry_gateway_build_info{")] == [1]
    assert second["telemetry_gateway_direct"] == 0
    assert second['telemetry_gateway_task_failures_total{task="a task"}'] == 3

    again = told(tmp_path, 1, 1)
    assert again[answered] == 13
    assert again["telemetry_gateway_spool_records"] == 3
    assert again["process_cpu_seconds_total"] > second["process_cpu_seconds_total"] > 0


def test_what_died_with_a_process_is_forgotten(tmp_path: Path) -> None:
    """Its memory is no one's any more, what it counted still counts; a new gateway begins at nothing."""
    told(tmp_path, 1, 5)
    both = told(tmp_path, 2, 5)
    code = "import sys; from pathlib import Path; from gateway.shared_metrics import *; {}"
    run = [sys.executable, "-c"]
    subprocess.run([*run, code.format("forget_process(Path(sys.argv[1]), 1)"), str(tmp_path)], check=True)
    one = told(tmp_path, 2, 0)
    subprocess.run([*run, code.format("clear_figures(Path(sys.argv[1]))"), str(tmp_path)], check=True)
    none = told(tmp_path, 2, 0)

    answered = 'telemetry_gateway_requests_total{route="/here",status="200"}'
    assert one["process_resident_memory_bytes"] < both["process_resident_memory_bytes"]
    assert (one[answered], none[answered]) == (10, 0)
