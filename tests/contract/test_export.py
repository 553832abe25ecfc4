"""`export`: facts of the bundled documents in a learning record store, and in files that pandas reads."""

from __future__ import annotations

import shlex
from collections import Counter
from string import Template
from typing import TYPE_CHECKING, Final

import pandas as pd
import pytest

from operations.export.progsnap_table import COLUMNS, EVENT_TYPES, METADATA, event_id_of
from operations.export.statements import PROFILE
from tests.support.blocks import run_by
from tests.support.commands import as_environment, command
from tests.support.lrs import store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http_system import HttpSystem
    from tests.support.lrs import Store

pytestmark = pytest.mark.system

ASSET: Final = "python-modules-tutorial"
# The columns of ProgSnap2's main table that every data set has, and the others that ours may have.
REQUIRED: Final = {"EventType", "EventID", "SubjectID", "ToolInstances", "CodeStateID"}
STANDARD: Final = REQUIRED | {
    "Order", "ClientTimestamp", "ServerTimestamp", "CourseID", "CourseSectionID", "TermID",
    "AssignmentID", "AssignmentIsGraded", "ProblemID", "ProblemIsGraded", "Attempt", "ExperimentalCondition",
    "TeamID", "LoggingErrorID",
    "IsFabricatedEvent", "ParentEventID", "SessionID", "ProjectID", "ResourceID", "CodeStateSection", "EventInitiator",
    "EditType", "CompileResult", "CompileMessageType", "CompileMessageData", "SourceLocation", "ExecutionID", "TestID",
    "ExecutionResult", "Score", "ExtraCreditScore", "InterventionCategory", "InterventionType", "InterventionMessage",
}  # fmt: skip
# What each type of event has to have, where facts know it.
OF_TYPES: Final = {
    "Session.Start": ("SessionID",),
    "Resource.View": ("ResourceID",),
    "Compile": ("CompileResult",),
    "Run.Test": ("ExecutionID", "TestID", "ExecutionResult", "Score"),
    "Submit": ("ExecutionID",),
}


@pytest.fixture
def here(told: HttpSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HttpSystem:
    """The system, and commands that find it; they keep what they keep in a directory of the test's own."""
    for name, value in {**as_environment(told.settings), "TELEMETRY_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    return told


def facts(system: HttpSystem, where: str = "NOT startsWith(actor, 'telemetry:')") -> Counter[str]:
    """How many facts there are of each event."""
    rows = system.query(f"SELECT event, count() FROM events WHERE {where} GROUP BY event")
    return Counter({str(event): int(count) for event, count in rows})


def who(student: str) -> dict[str, str]:
    """What a student is called in either format."""
    return dict(line.split() for line in command("export", "pseudonym", student).out.splitlines())


def told_of(there: Store) -> Counter[str]:
    """The same of a store."""
    return Counter(statement["context"]["extensions"][f"{PROFILE}:event"] for statement in there.statements.values())


def test_every_fact_of_a_named_student_is_a_statement(here: HttpSystem) -> None:
    """Once, though it is sent twice; of runs that nobody has claimed there is none."""
    with store() as there:
        first = command("export", "xapi", "--url", there.url, "--since", "2000-01-01")
        again = command("export", "xapi", "--url", there.url, "--since", "1999-01-01")

    count = sum(facts(here).values())
    assert (first.code, first.err, first.out) == (0, "", f"{count:,} statements sent.\n")
    assert again.out == first.out
    assert told_of(there) == facts(here)
    assert len(there.statements) == count > 500


def test_students_are_pseudonyms_unless_asked_for(here: HttpSystem) -> None:
    """By default no id of anybody is there; with accounts the LMS's ids are, below the homepage that is given."""
    students = {str(actor) for (actor,) in here.query("SELECT DISTINCT actor FROM events WHERE user_id > 0")}
    with store() as there, store() as other:
        command("export", "xapi", "--url", there.url)
        options = ("--actors", "accounts", "--homepage", "https://lms.example/")
        assert command("export", "xapi", "--url", other.url, *options).code == 0

    hidden = {statement["actor"]["account"]["name"] for statement in there.statements.values()}
    shown = {statement["actor"]["account"]["name"] for statement in other.statements.values()}
    assert hidden == {who(student)["xapi"] for student in students}
    assert all(name.startswith("pseudonym:") for name in hidden)
    assert shown == students
    assert {one["actor"]["account"]["homePage"] for one in other.statements.values()} == {"https://lms.example"}


def test_a_store_is_filled_in_one_way(here: HttpSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command ends with what was changed, and where its file is lost, or another, by what the store has."""
    monkeypatch.setenv("TELEMETRY_PSEUDONYM_KEY", "k" * 32)
    with store() as there:
        given = ("export", "xapi", "--url", there.url, "--homepage", "https://one.example")
        apart = ("--state", tmp_path / "another.json")
        command(*given)
        sent = dict(there.statements)
        homepage = command(*given[:-1], "https://two.example")
        accounts, apart_accounts = (
            command(*given, "--actors", "accounts"),
            command(*given, "--actors", "accounts", *apart),
        )
        monkeypatch.setenv("TELEMETRY_PSEUDONYM_KEY", "o" * 32)
        key, apart_key = command(*given), command(*given, *apart)

    for outcome, said in (
        (homepage, "another --homepage"), (accounts, "another --actors"), (key, "another key of pseudonyms"),
        (apart_accounts, "--actors or key"), (apart_key, "--actors or key"),
    ):  # fmt: skip
        assert outcome.code == 1
        assert said in outcome.complaint
    assert there.statements == sent
    assert here.settings.gateway_url not in str(sent)


@pytest.mark.parametrize(
    "arguments", [("--follow", "--until", "1d"), ("--since", "1d", "--until", "2d"), ("--since", "soon")]
)
def test_wrong_usage_is_said(here: HttpSystem, arguments: tuple[str, ...]) -> None:
    """Before anything is asked of anybody."""
    assert command("export", "xapi", "--url", f"{here.url}/none", *arguments).code == 2


def test_pandas_counts_what_events_counts(here: HttpSystem, tmp_path: Path) -> None:
    """Of the data set of a tutorial, in either format; each event as the standard has it."""
    outcome = command("export", "progsnap2", tmp_path / "set", "--asset", ASSET, "--format", "both")
    assert (outcome.code, outcome.err) == (0, "")
    ids = dict.fromkeys(("EventID", "SubjectID", "SessionID", "ExecutionID", "CourseID"), str)
    csv = pd.read_csv(tmp_path / "set" / "MainTable.csv", dtype=ids)
    parquet = pd.read_parquet(tmp_path / "set" / "MainTable.parquet")

    expected: Counter[str] = Counter()
    for event, count in facts(here, f"asset_slug = '{ASSET}'").items():
        expected[EVENT_TYPES[event]] += count
    for table in (csv, parquet):
        assert tuple(table.columns) == COLUMNS
        assert Counter(table["EventType"]) == expected
        assert table["EventID"].is_unique
        assert list(table["Order"]) == list(range(1, len(table) + 1))
    assert REQUIRED <= set(COLUMNS) <= STANDARD
    for kind, columns in OF_TYPES.items():
        for column in columns:
            assert csv[csv["EventType"] == kind][column].notna().all(), (kind, column)
    assert set(csv["CompileResult"].dropna()) <= {"Success", "Error"}
    assert set(csv["ExecutionResult"].dropna()) <= {"Success", "Error", "TestFailed"}
    assert csv["Score"].dropna().between(0, 1).all()


def test_a_data_set_says_what_it_is(here: HttpSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its metadata are the standard's properties; subjects are pseudonyms of their own, and no student is in it.

    Nor is an identity of a fact, which tells the student to who tries all user ids.
    """
    monkeypatch.setenv("TELEMETRY_PSEUDONYM_KEY", "k" * 32)
    command("export", "progsnap2", tmp_path / "set", "--asset", ASSET)
    command("export", "progsnap2", tmp_path / "open", "--asset", ASSET, "--actors", "accounts")
    metadata = pd.read_csv(tmp_path / "set" / "DatasetMetadata.csv", dtype=str, keep_default_na=False)
    hidden, shown = (pd.read_csv(tmp_path / name / "MainTable.csv", dtype=str) for name in ("set", "open"))
    actors = {str(actor) for (actor,) in here.query(f"SELECT DISTINCT actor FROM events WHERE asset_slug = '{ASSET}'")}

    assert dict(zip(metadata["Property"], metadata["Value"], strict=True)) == METADATA
    assert set(shown["SubjectID"]) == actors
    assert set(hidden["SubjectID"]) == {who(actor)["progsnap2"] for actor in actors}
    items = {str(item) for (item,) in here.query(f"SELECT item_id FROM events WHERE asset_slug = '{ASSET}'")}
    assert set(shown["EventID"]) == items
    assert set(hidden["EventID"]) == {event_id_of(b"k" * 32, item) for item in items}
    for column in ("SessionID", "ExecutionID"):
        assert set(hidden[column].dropna()) <= set(hidden["EventID"])
    assert {path.name for path in (tmp_path / "set").iterdir()} == {
        "MainTable.csv", "DatasetMetadata.csv", "README.md", "CodeStates"
    }  # fmt: skip


def test_a_data_set_is_never_half_there(here: HttpSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is nothing to write, or something in the way, nothing is left and nothing is lost."""
    for name in ("mine", "empty", "linked"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("linked")
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    nothing = command("export", "progsnap2", tmp_path / "set", "--asset", "no-such-tutorial")
    inside = command("export", "progsnap2", ".", "--asset", ASSET)
    linked = command("export", "progsnap2", tmp_path / "link", "--asset", ASSET)
    in_the_way = command("export", "progsnap2", tmp_path / "mine", "--asset", ASSET)

    assert (nothing.code, in_the_way.code, inside.code, linked.code) == (1, 1, 0, 0)
    for name in ("empty", "linked"):
        assert "MainTable.csv" in names(tmp_path / name)
        assert ".unfinished" not in names(tmp_path / name)
    assert "no facts of the tutorial 'no-such-tutorial'" in nothing.complaint
    assert "not empty" in in_the_way.complaint
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert {"set", ".set.unfinished", ".mine.unfinished"}.isdisjoint(names(tmp_path))
    assert here.settings.data != tmp_path


def names(directory: Path) -> list[str]:
    """What is in a directory."""
    return [path.name for path in directory.iterdir()]


def test_the_commands_of_the_page_run(here: HttpSystem, tmp_path: Path) -> None:
    """Each ends well with a store and a directory of one's own."""
    blocks = run_by("tests/contract/test_export.py::test_the_commands_of_the_page_run")
    with store() as there:
        given = {"LRS": there.url, "DIR": str(tmp_path / "set")}
        for block in blocks:
            words = [Template(word).substitute(given) for word in shlex.split(block.text)]
            assert command(*words[1:]).code == 0, str(block)
        assert len(there.statements) > 500

    assert len(blocks) == 2
    assert (tmp_path / "set" / "MainTable.parquet").exists()
    assert here.settings.token is None
