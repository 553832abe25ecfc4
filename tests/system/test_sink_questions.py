"""The questions of docs/analysts.md, answered from the bundled documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.blocks import run_by
from tests.support.demo import load_demo
from tests.support.questions import answer, questions

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


def test_every_query_of_the_page_is_a_question() -> None:
    """No SQL of the page escapes the test below, and there are at least ten."""
    blocks = run_by("tests/system/test_sink_questions.py::test_the_page_shows_what_the_demo_gives")

    assert [question.sql for question in questions()] == [block.text for block in blocks]
    assert len(blocks) >= 10


async def test_the_page_shows_what_the_demo_gives(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client, database: str
) -> None:
    """Each query runs and its output is the one that is printed below it."""
    await load_demo(settings(), processes, tmp_path)

    for question in questions():
        assert answer(clickhouse, database, question.sql) == question.output, question.title
