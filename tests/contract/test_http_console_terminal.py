"""The console's answers in the terminal: the same figures as the API's, of all academies."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.support.commands import as_environment, command
from tests.support.insights import FOREIGNER, MARKUP, MEMBER, UNKNOWN
from tests.support.processes import Processes
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ROOT = "/v1/telemetry/academy"
LOG = "/v1/assignment/academy/learnpack/webhook"
# Whom nobody else sends anything of.
FOLLOWED = 31_501


@pytest.fixture(autouse=True)
def _pointed_at(told: HttpSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the system by their environment, as in a terminal."""
    for name, value in environment(told).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def api(told: HttpSystem) -> Iterator[httpx.Client]:
    """Staff of academy 1."""
    with told.client() as client:
        yield client


def environment(told: HttpSystem) -> dict[str, str]:
    """What a terminal has of a system."""
    return {**as_environment(told.settings), "TELEMETRY_DIRECTORY": told.settings.directory}


def printed(*arguments: object) -> Any:
    """What a command prints for scripts."""
    outcome = command(*arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return orjson.loads(outcome.out)


@pytest.mark.parametrize(
    ("options", "query", "students"),
    [
        ((), "", [MEMBER, UNKNOWN]),
        (("--asset", "nothing", "--asset", "everybodys"), "asset=nothing,everybodys", [MEMBER, UNKNOWN]),
        (("--cohort", 12), "cohort=12", [MEMBER]),
        (("--since", "7d", "--seen", "7d"), "since=7d&seen=7d", [MEMBER, UNKNOWN]),
        (("--since", "1m"), "since=1m", []),
    ],
)
def test_who_is_stuck_is_who_the_api_says(
    api: httpx.Client, options: Sequence[object], query: str, students: list[int]
) -> None:
    """For an academy; without one it is everybody, with the same figures."""

    def same() -> bool:
        # A minute may begin between them.
        expected = api.get(f"{ROOT}/students/stuck?{query}").json()["results"]
        everybody = {row["student"]["id"]: row for row in printed("stuck", *options)}
        own = printed("stuck", *options, "--academy", 1)
        assert {row["student"]["id"] for row in own} >= set(students)
        assert (FOREIGNER in everybody) == (len(students) > 1)
        return bool(own == expected == [everybody[row["student"]["id"]] for row in expected])

    eventually(same, what="the same rows")


def test_a_name_is_shown_as_it_is() -> None:
    """What looks like markup is text."""
    outcome = command("stuck", "--cohort", 12)

    assert "Lovelace" in outcome.out
    assert MARKUP in outcome.out


def test_why_says_what_the_api_says(told: HttpSystem, api: httpx.Client) -> None:
    """The same scores, terms and steps; what is printed adds up to each score."""
    rows = told.query("SELECT user_id, asset_slug FROM scores WHERE user_id IN (123, 10022) ORDER BY ALL")

    assert len(rows) == 2
    for student, slug in rows:
        answer = api.get(f"{ROOT}/students/{student}/assets/{slug}").json()
        del answer["scores"]["days"]
        found = printed("why", student, slug)
        assert found == {"actor": str(student), **{name: answer[name] for name in found if name != "actor"}}
        assert found["explanation"]["scores"]
        lines = command("why", student, slug).out.splitlines()
        for score in found["explanation"]["scores"]:
            begin = next(
                at for at, line in enumerate(lines) if line.startswith(f"{score['name']} {score['value']:.2f}")
            )
            end = next(at for at in range(begin, len(lines)) if lines[at].startswith("└"))
            points = [line.split("│")[1].strip() for line in lines[begin:end] if line.startswith("│")]
            assert sum(map(float, filter(None, points))) == pytest.approx(score["value"], abs=0.01)


def test_why_names_what_there_is() -> None:
    """A tutorial that a student has not begun, and a student whom nobody knows."""
    assert command("why", 10022, "nothing").complaint.endswith("there are those in exercise-postcard.")
    assert command("why", "\x1b[31m", "nothing").complaint.startswith(
        r"error: no scores of student \x1b[31m are stored"
    )


def test_webhooks_are_those_of_the_log(api: httpx.Client) -> None:
    """The newest first, as the API has them; of one student alone, too; and those of other academies."""
    expected = api.get(f"{LOG}?limit=1000&student=10022").json()["results"]
    own = printed("webhooks", "--student", 10022, "--limit", 1000)
    everything = printed("webhooks", "--limit", 1000)

    assert own
    assert own == [
        {"student_id": 10022, **{name: row[name] for name in own[0] if name != "student_id"}} for row in expected
    ]
    assert [row for row in everything if row["student_id"] == 10022] == own
    assert FOREIGNER in {row["student_id"] for row in everything}
    assert printed("webhooks", "--limit", 2) == everything[:2]


def test_what_is_followed_comes_once_and_ends_quietly(told: HttpSystem, tmp_path: Path) -> None:
    """First what is there, then what comes, until Ctrl-C."""
    processes = Processes(tmp_path)
    words = ["webhooks", "--follow", "--student", str(FOLLOWED), "--json"]
    child = processes.start([sys.executable, "-m", "deploy.cli", *words], environment(told))
    try:
        child.says("Ctrl-C ends it")
        with told.client("ingest") as client:
            for name in ("first-nonsense", "second-nonsense"):
                body = orjson.dumps({"event": name, "user_id": FOLLOWED, "telemetry_id": "followed", "slug": "s"})
                assert client.post("/v1/assignment/me/telemetry", content=body).text == "ok"
        for name in ("first-nonsense", "second-nonsense"):
            child.says(name)
        child.signal(signal.SIGINT)
        assert child.process.wait(30) == 0
    finally:
        processes.end_all()

    rows = [orjson.loads(line) for line in child.output.splitlines() if line.startswith("{")]
    assert sorted(row["event"] for row in rows) == ["first-nonsense", "second-nonsense"]
    assert sorted(printed("webhooks", "--student", FOLLOWED), key=lambda row: row["id"]) == sorted(
        rows, key=lambda row: row["id"]
    )
    assert "Traceback" not in child.output
