"""One student cannot stop a worker, whatever he sends: the others' webhooks are processed, and so are his next ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from streams.core import bounds
from tests.chaos.kafka import lines, produce
from tests.support.payloads import document, milliseconds, step
from tests.system.workers import Bench

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

HOSTILE = 7
COMPILATIONS = 165_000
# A worker without anything to do takes a fifth of it.
MOST_MEMORY = 1 << 30


def _peak(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def _event(at: int) -> bytes:
    event = {"event": "compile", "user_id": HOSTILE, "telemetry_id": "t-1", "package_slug": "tutorial", "slug": "01"}
    return orjson.dumps({**event, "data": {"started_at": milliseconds(at), "exit_code": 1}})


def _batch(first: int, count: int) -> bytes:
    items = [{"started_at": milliseconds(at)} for at in range(first, first + count)]
    return orjson.dumps(document(step("01", 0, compilations=items), last=first, user_id=HOSTILE))


def test_enormous_documents_of_one_student_hold_nobody_up(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """They are refused with a text; his events and all webhooks of others are stored, in bounded memory."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    worker = bench.start(real=True)
    worker.says("ready", 60)
    enormous = [_batch(run * COMPILATIONS, COMPILATIONS) for run in range(8)]
    largest = _batch(9 * COMPILATIONS, bounds.ITEMS)
    bench.send([*enormous, largest, *(_event(at) for at in range(300))], key=b"%d" % HOSTILE)
    others: list[Any] = [
        (0, b"%d" % user, orjson.dumps(document(step("01", 0), user_id=user)), []) for user in range(100, 140)
    ]
    asyncio.run(produce(bench.settings.kafka, bench.topics.raw, others))
    bench.wait_until_done(180)
    peak = _peak(worker.process.pid)
    worker.terminate()

    outcomes = [orjson.loads(line) for line in lines(bench.read(bench.topics.outcomes))]
    assert Counter(one["verdict"] for one in outcomes) == {"error": 8, "stored": 341}
    assert {one["status_text"] for one in outcomes if one["verdict"] == "error"} == {
        f"There are more items than can be kept: {COMPILATIONS}, and at most 5000 are"
    }
    assert bench.read(bench.topics.dead_letters) == []
    assert peak < MOST_MEMORY
