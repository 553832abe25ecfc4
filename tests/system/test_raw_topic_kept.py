"""After `raw switch` nothing works with the raw topic that was left."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.generations.journal import read_journal
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.commands import as_environment, command
from tests.support.generations import Generation
from tests.support.raw_log import MARGIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
def switched(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Generation 2 is live, computed from a copy; the environment still names the first topic."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    own = settings(partitions=2)
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    Generation(own, processes, tmp_path).setup()
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"7", b'{"user_id": 7, "slug": "a"}', [])]))
    assert command("raw", "copy", "webhooks.raw.2").code == 0
    second = Generation(
        own.model_copy(update={"raw_topic": "webhooks.raw.2", "generation": 2}), processes, tmp_path / "second"
    )
    second.directory.mkdir()
    with monkeypatch.context() as patch:
        for name, value in second.environment.items():
            patch.setenv(name, value)
        second.setup()
        second.start()
        eventually(lambda: command("raw", "switch").code == 0, 60, "the switch")
        second.stop()
    assert asyncio.run(read_journal(own)).generation(2).raw == "webhooks.raw.2"
    return own


def test_nothing_works_with_the_topic_that_was_left(switched: Settings, processes: Processes) -> None:
    """Every part, and every command that reads or writes the log, ends with the line that says what to set."""
    right = Topics.of(switched).raw + ".2"
    wrong = f"generation 2 is computed from {right}, and TELEMETRY_RAW_TOPIC says webhooks.raw"
    mend = "set TELEMETRY_RAW_TOPIC=webhooks.raw.2, or to go on with another log TELEMETRY_GENERATION=3, too."

    for part in ("worker", "sink", "gateway"):
        child = processes.start([sys.executable, "-m", "deploy.cli", part], as_environment(switched))
        assert child.process.wait(60) == 1
        assert f"error: {wrong}; {mend}\n" in child.output
    for line in ("setup", "raw copy again", "replay --dry-run", "replay rollback", "forget --student 7 --yes"):
        refused = command(*line.split())
        assert (refused.code, refused.complaint) == (1, f"error: {wrong}; {mend}")
    told = orjson.loads(command("status", "--json").out)["parts"]["kafka"]
    assert told == f"{wrong}. {mend[0].upper()}{mend[1:]}"
    (found,) = (one for one in orjson.loads(command("doctor", "--json").out) if one["check"] == "topics")
    assert (found["state"], found["detail"]) == ("failed", wrong)
