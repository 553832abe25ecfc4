"""The questions of docs/analysts.md and docs/ibis.md, answered from the bundled documents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.blocks import run_by
from tests.support.demo import load_demo
from tests.support.python_page import printed_by
from tests.support.questions import answer, questions

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

BLOCKS = run_by("tests/system/test_sink_questions.py::test_the_page_shows_what_the_demo_gives")
PYTHON = [block for block in BLOCKS if block.language == "python"]


def test_every_query_of_the_page_is_a_question() -> None:
    """No SQL of the page escapes the test below, and there are at least ten."""
    blocks = [block.text for block in BLOCKS if block.language == "sql"]

    assert [question.sql for question in questions()] == blocks
    assert len(blocks) >= 10


async def test_the_page_shows_what_the_demo_gives(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client, database: str
) -> None:
    """Each query and each cell of the notebook runs, and its output is the one that is printed below it."""
    own = settings()
    await load_demo(own, processes, tmp_path)

    for question in questions():
        assert answer(clickhouse, database, question.sql) == question.output, question.title
    environment = {**os.environ, "TELEMETRY_ANALYST_CLICKHOUSE": own.clickhouse.get_secret_value()}
    assert printed_by(PYTHON, environment, database) == [block.output for block in PYTHON]
