"""Records that cannot be processed become dead letters, the rest flows on; a core that fails at everything stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.exits import ExitCode
from tests.chaos.kafka import lines, produce
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

LIMIT = 200_000


@pytest.fixture
def bench(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> Bench:
    """A worker that takes small records only."""
    return Bench(settings(partitions=1, max_body_bytes=LIMIT), processes, tmp_path)


def test_poison_becomes_dead_letters_and_the_rest_flows_on(bench: Bench) -> None:
    """Bad bytes, nothing at all, a raising record and two oversize ones end as dead letters, each with its reason."""
    good = [b'{"i": %d}' % index for index in range(50)]
    poison = [
        b"\xff\x00",
        None,
        b'{"raise": "boom"}',
        orjson.dumps({"document": 3 * LIMIT}),
        b'"' + b"x" * (2 * LIMIT) + b'"',
    ]
    bench.send([*good[:25], *poison, *good[25:]], headers=[("source", b"learnpack")])
    worker = bench.start()
    bench.wait_until_done()
    worker.terminate()

    letters = bench.read(bench.topics.dead_letters)
    headers = [dict(letter.headers) for letter in letters]
    outcomes = [orjson.loads(line) for line in lines(bench.read(bench.topics.outcomes))]
    facts = [orjson.loads(line)["n"] for line in lines(bench.read(bench.topics.facts))]
    assert facts == list(range(1, 51))
    assert sorted(one["offset"] for one in outcomes) == list(range(55))
    assert sorted(one["offset"] for one in outcomes if one["verdict"] == "dead") == list(range(25, 30))
    assert [int(one["dead-letter-offset"]) for one in headers] == list(range(25, 30))
    assert [one["dead-letter-stage"] for one in headers] == [b"decode", b"decode", b"process", b"size", b"process"]
    assert [letter.value for letter in letters[:4]] == poison[:4]
    assert all(
        one["source"] == b"learnpack" and one["dead-letter-topic"].decode() == bench.topics.raw for one in headers
    )
    assert b"RuntimeError: boom" in headers[2]["dead-letter-traceback"]
    told = [line for line in worker.output.splitlines() if "dead letters written" in line]
    assert sum(int(line.partition("count=")[2].split()[0]) for line in told) == len(poison)
    assert "stage=decode" in told[0]
    assert "boom" not in worker.output
    assert int(headers[4]["dead-letter-size"]) == len(poison[4] or b"")


def test_a_core_that_fails_at_everything_stops_within_the_limit(bench: Bench) -> None:
    """The worker ends by itself with its own exit code, and a new start does not give up more records."""
    records: list[Any] = [(0, b"%d" % (index % 40), b'{"raise": "a bad release"}', []) for index in range(400)]
    asyncio.run(produce(bench.settings.kafka, bench.topics.raw, records))

    codes = [bench.start(dead_letter_run=30).process.wait(60) for _ in range(2)]
    letters = bench.read(bench.topics.dead_letters)
    outcomes = lines(bench.read(bench.topics.outcomes))

    assert codes == [ExitCode.TOO_MANY_DEAD_LETTERS] * 2
    assert len(letters) <= 30
    assert len(outcomes) == len(letters)
    assert not bench.ready_file().exists()


def test_what_one_student_or_rubbish_makes_fail_does_not_stop_the_others(bench: Bench) -> None:
    """Hundreds of records in a row, of one student or bad by themselves, become dead letters, and the rest flows on."""
    bench.send([b'{"raise": "always for this one"}'] * 300, key=b"hostile")
    for student in range(40):
        bench.send([b"no JSON"] * 5, key=b"%d" % student)
    bench.send([b"{}"] * 5, key=b"good")
    worker = bench.start(dead_letter_run=30)
    bench.wait_until_done()
    worker.terminate()

    assert len(bench.read(bench.topics.dead_letters)) == 500
    assert len(lines(bench.read(bench.topics.facts))) == 5
