"""The example notebook, from its first cell to what analysts see of it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import nbformat
import pytest
from learnpack_notebook_telemetry import get_telemetry_setup_cell

from tests.support.blocks import run_by
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.questions import Question, answer, questions
from tests.support.student_computer import EXAMPLE, Computer, outputs
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

PAGE: Final = Path(__file__).parents[2] / "docs" / "notebooks.md"
STUDENT: Final = "ADA-LOVELACE"
NOTEBOOK: Final = "list-exercises"

# What the example does, in its order: event, step, whether it passed, the error's type.
DONE: Final = [
    ("start", "", None, ""),
    ("cell", "squares", None, ""),
    ("test", "squares", 1, ""),
    ("cell", "largest", None, ""),
    ("test", "largest", 0, "AssertionError"),
    ("cell", "largest", None, ""),
    ("test", "largest", 1, ""),
    ("feedback", "", None, ""),
]


@dataclass(frozen=True, slots=True)
class Story:
    """A system to which the example has sent, and what the notebook showed."""

    system: HttpSystem
    shown: list[Any]


@pytest.fixture(scope="module")
def story(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The example, executed on a student's computer with an ingest key; everything that it sent is in `events`."""
    computer = Computer.set_up(tmp_path_factory.mktemp("student"))
    with http_system(stack, tmp_path_factory.mktemp("http"), directory="open") as system:
        environment = {
            "TELEMETRY_GATEWAY_URL": system.url,
            "TELEMETRY_TOKEN": secret("ingest"),
            "STUDENT_NAME": "Ada Lovelace",
            "LC_ALL": "C.UTF-8",
        }
        executed = computer.execute(nbformat.read(EXAMPLE, as_version=4), environment)
        eventually(lambda: len(events(system)) >= len(DONE), 60, "the notebook's events")
        yield Story(system, outputs(executed))


def events(system: HttpSystem) -> list[tuple[Any, ...]]:
    """The student's events, in their order."""
    rows = system.query(
        "SELECT event, step_slug, succeeded, error_type FROM events "
        "WHERE actor = {actor:String} AND asset_slug = {notebook:String} AND source = 'notebook' "
        "ORDER BY occurred_at, webhook_id, ordinal",
        actor=STUDENT,
        notebook=NOTEBOOK,
    )
    return [tuple(row) for row in rows]


def test_the_notebook_runs_from_top_to_bottom(story: Story) -> None:
    """It welcomes, and tells of the exercise that passed, the one that failed, and then passed."""
    said = [output["text"] for cell in story.shown for output in cell]

    assert said[0].startswith(f"Welcome, {STUDENT}!")
    assert said[1:] == [
        "Squares: passed.\n",
        "Largest: not yet. What if every number is below zero?\n",
        "Largest: passed.\n",
        f"Thank you, {STUDENT}.\n",
    ]


def test_its_cells_and_tests_are_events(story: Story) -> None:
    """Each once, with its outcome; the attempts at an exercise are numbered, and no code is there."""
    rows = story.system.query(
        "SELECT properties.attempt, duration_ms >= 0, code_bytes FROM events WHERE event = 'test' "
        "ORDER BY occurred_at, webhook_id, ordinal"
    )

    assert events(story.system) == DONE
    assert [tuple(row) for row in rows] == [(1, 1, None), (1, 1, None), (2, 1, None)]
    assert "return found" not in "".join(row[0] for row in story.system.query("SELECT payload FROM raw"))


def test_its_scores_are_computed(story: Story) -> None:
    """Both exercises have passed, and the failure has left a trace."""
    rows = eventually(
        lambda: [
            row
            for row in story.system.query(
                "SELECT actor, completion_rate, frustration_score FROM scores WHERE asset_slug = {notebook:String}",
                notebook=NOTEBOOK,
            )
            if row[1] == 100
        ],
        60,
        "the notebook's scores",
    )

    assert len(rows) == 1
    assert rows[0][0] == STUDENT
    assert rows[0][2] > 0


def test_its_day_is_aggregated(story: Story) -> None:
    """One student, three tests of which one failed."""
    rows = eventually(
        lambda: [
            tuple(row)
            for row in story.system.query(
                "SELECT active_students, tests, test_failures, completion_avg FROM asset_daily "
                "WHERE asset_slug = {notebook:String}",
                notebook=NOTEBOOK,
            )
        ],
        60,
        "the notebook's day",
    )

    assert rows == [(1, 3, 1, 100)]


def test_every_query_of_the_page_is_a_question() -> None:
    """No SQL of the page escapes the test below."""
    blocks = run_by("tests/system/test_notebook_story.py::test_the_page_shows_what_the_example_gives")

    assert [question.sql for question in questions(PAGE)] == [block.text for block in blocks]


@pytest.mark.parametrize("question", questions(PAGE), ids=lambda question: str(question.title))
def test_the_page_shows_what_the_example_gives(story: Story, question: Question) -> None:
    """Each query runs, and its output is the one that is printed below it."""
    settings = story.system.settings
    dsn = settings.clickhouse.get_secret_value()
    with contextlib.closing(clickhouse_connect.get_client(dsn=dsn, autogenerate_session_id=False)) as client:

        def told() -> bool:
            found = answer(client, settings.database, question.sql)
            assert found == question.output, found
            return True

        eventually(told, 30, question.title)


def test_the_page_says_what_the_student_reads(story: Story) -> None:
    """The text below "What a student sees" is the first cell's, but for the address."""
    shown = re.findall(r"^```text\n(Welcome.*?)```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)

    assert shown == [story.shown[0][0]["text"].replace(story.system.url, "https://telemetry.example")]


def test_the_example_begins_with_the_generated_cell() -> None:
    """What a course would paste."""
    first = next(cell for cell in nbformat.read(EXAMPLE, as_version=4).cells if cell.cell_type == "code")

    assert first.source == get_telemetry_setup_cell(NOTEBOOK).strip()
