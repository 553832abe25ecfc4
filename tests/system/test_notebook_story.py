"""The example notebook, from its first cell to what analysts see of it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import nbformat
import pytest
from learnpack_notebook_telemetry import get_telemetry_setup_cell

from tests.support.arrived import in_every_table
from tests.support.blocks import run_by
from tests.support.commands import command
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.questions import Question, answer, questions
from tests.support.student_computer import EXAMPLE, Computer, outputs, until_sent
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


# How a notebook that was made for PostHog begins and goes on: imports, names and arguments as they are there.
GENERATING: Final = """
from ipynb_telemetry.notebook_cells import get_telemetry_setup_cell

# Generate cell code for a notebook
cell_code = get_telemetry_setup_cell("D3_Datetimes")
print(cell_code, end="")
"""
SET_UP: Final = """
from ipynb_telemetry.bootstrap import setup_telemetry
setup_telemetry("notebook_id")
"""
CELLS: Final = (
    '_cell("exercise_1", "# code preview...")',
    """
result = expected = 4

@tracked_test("exercise_name")
def test_exercise():
    assert result == expected
    print("Passed!")
""",
    "test_exercise()",
    '_telemetry_capture("finished", {"student": STUDENT_NAME})',
)
CAME: Final = [
    ("start", "", None, ""),
    ("cell", "exercise_1", None, ""),
    ("test", "exercise_name", 1, ""),
    ("finished", "", None, ""),
]


@dataclass(frozen=True, slots=True)
class Story:
    """A system to which the example has sent, what the notebook showed, and the computer on which it ran."""

    system: HttpSystem
    shown: list[Any]
    computer: Computer


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
        executed = computer.execute(until_sent(nbformat.read(EXAMPLE, as_version=4)), environment)
        eventually(lambda: len(events(system)) >= len(DONE), 60, "the notebook's events")
        yield Story(system, outputs(executed), computer)


def events(system: HttpSystem, notebook: str = NOTEBOOK) -> list[tuple[Any, ...]]:
    """The student's events in a notebook, in their order."""
    rows = system.query(
        "SELECT event, step_slug, succeeded, error_type FROM events "
        "WHERE actor = {actor:String} AND asset_slug = {notebook:String} AND source = 'notebook' "
        "ORDER BY occurred_at, webhook_id, ordinal",
        actor=STUDENT,
        notebook=notebook,
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

    # The log has a table of its own, where nothing could be found yet.
    in_every_table(story.system.settings)
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

    def told() -> bool:
        query = (
            "SELECT active_students, tests, test_failures, completion_avg FROM asset_daily "
            "WHERE asset_slug = {notebook:String}"
        )
        # A day may be told before all of it is there.
        rows = [tuple(row) for row in story.system.query(query, notebook=NOTEBOOK)]
        assert rows == [(1, 3, 1, 100)]
        return True

    eventually(told, 60, "the notebook's day")


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

        eventually(told, 60, question.title)


def test_the_page_says_what_the_student_reads(story: Story) -> None:
    """The text below "What a student sees" is the first cell's, but for the address."""
    shown = re.findall(r"^```text\n(Welcome.*?)```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)

    assert shown == [story.shown[0][0]["text"].replace(story.system.url, "https://telemetry.example")]


def test_the_example_begins_with_the_generated_cell() -> None:
    """What a course would paste, for machines that have the package."""
    first = next(cell for cell in nbformat.read(EXAMPLE, as_version=4).cells if cell.cell_type == "code")
    with pytest.warns(UserWarning, match="nothing says where"):
        generated = get_telemetry_setup_cell(NOTEBOOK)

    assert first.source == generated.strip()


@pytest.fixture(scope="module")
def elsewhere(story: Story) -> tuple[Computer, str]:
    """The computer without the package, and the cell that was generated while it had it from the gateway."""
    computer = story.computer
    computer.pip("uninstall", "--yes", "learnpack-notebook-telemetry")
    address = command("notebook", "--url", story.system.url, "--key", secret("ingest")).out.strip()
    computer.pip("install", address)
    generated = computer.run(GENERATING, {}).stdout
    computer.pip("uninstall", "--yes", "learnpack-notebook-telemetry")
    assert computer.run(SET_UP, {}).returncode == 1
    return computer, generated


def test_a_notebook_made_for_another_package_sends_to_the_gateway(
    story: Story, elsewhere: tuple[Computer, str]
) -> None:
    """Its cells are as they were; the first installs from the gateway, and no cell names an address or a key."""
    computer, generated = elsewhere
    environment = {"STUDENT_NAME": "Ada Lovelace", "LC_ALL": "C.UTF-8", "PIP_NO_INDEX": "1"}

    def arrived(name: str) -> bool:
        return len(events(story.system, name)) >= len(CAME)

    # The second notebook finds what the first has installed.
    for name, first in (("D3_Datetimes", generated), ("notebook_id", SET_UP)):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (first, *CELLS)])
        shown = outputs(computer.execute(until_sent(notebook), environment))
        assert [cell[-1]["text"].splitlines()[-1] for cell in shown if cell][1:] == ["Passed!"]
        assert f"It goes to {story.system.url}." in shown[0][-1]["text"]
        eventually(partial(arrived, name), 60, f"events of {name}")
        assert events(story.system, name) == CAME


def test_what_is_not_the_wheel_is_not_installed(elsewhere: tuple[Computer, str]) -> None:
    """Bytes with another hash than the address has are refused, and the notebook runs without."""
    computer, generated = elsewhere
    computer.pip("uninstall", "--yes", "learnpack-notebook-telemetry")
    other = re.sub("sha256=[0-9a-f]{64}", f"sha256={'0' * 64}", generated)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(other)])

    shown = outputs(computer.execute(notebook, {"STUDENT_NAME": "Ada Lovelace", "PIP_NO_INDEX": "1"}))

    assert other != generated
    assert shown[0][0]["text"].endswith("could not be installed: nothing is sent from this notebook.\n")
