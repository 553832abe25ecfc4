"""What cells call, and what is sent for it."""

from __future__ import annotations

import ast
import builtins
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from learnpack_notebook_telemetry import Status, __version__, bootstrap, setup_telemetry
from learnpack_notebook_telemetry.leaving import EXIT_SECONDS, leave, look_after
from learnpack_notebook_telemetry.session import Session

from deploy.local.resources import free_port
from tests.support.capture import capture_server
from tests.support.sources import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFERED = ("STUDENT_NAME", "_cell", "_telemetry_capture", "tracked_test")
PACKAGE = Path(bootstrap.__file__).parent


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable of the machine has a say; names and senders are gone afterwards."""
    for name in (bootstrap.HOST_VARIABLE, bootstrap.KEY_VARIABLE, bootstrap.STUDENT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    for name in OFFERED:
        monkeypatch.setattr(builtins, name, None, raising=False)
    yield
    leave()


def properties(event: dict[str, Any]) -> dict[str, Any]:
    """An event's own properties, without those that every event has and without durations."""
    common = {"nb", "sess", "student", "v", "ms"}
    return {name: value for name, value in event["properties"].items() if name not in common}


def test_a_notebooks_story_is_sent() -> None:
    """Start, cells, a test that fails and then passes, and an event of its own, each with who and where."""
    with capture_server() as server:
        session = setup_telemetry("lists", host=server.url, api_key="k1", student="Ada Lovelace")
        _cell("squares", "print(1)")  # type: ignore[name-defined] # noqa: F821

        @tracked_test("squares")  # type: ignore[name-defined, untyped-decorator] # noqa: F821
        def test(value: int) -> str:
            """Compare."""
            assert value == 4
            return "passed"

        with pytest.raises(AssertionError):
            test(2)
        assert test(4) == "passed"
        _telemetry_capture("hint", {"number": 1})  # type: ignore[name-defined] # noqa: F821
        assert session.flush(60)

    events = server.events
    assert STUDENT_NAME == session.student == "ADA-LOVELACE"  # type: ignore[name-defined] # noqa: F821
    assert [(event["event"], properties(event)) for event in events] == [
        ("start", {}),
        ("cell", {"cell_id": "squares", "cell_num": 1}),
        ("test", {"ex": "squares", "ok": False, "try": 1, "error_type": "AssertionError"}),
        ("test", {"ex": "squares", "ok": True, "try": 2, "error_type": None}),
        ("hint", {"number": 1}),
    ]
    for event in events:
        assert event["distinct_id"] == event["properties"]["student"] == "ADA-LOVELACE"
        assert event["properties"]["nb"] == "lists"
        assert event["properties"]["sess"] == session.session_id
        assert event["properties"]["v"] == __version__
    assert all(event["properties"]["ms"] >= 0 for event in events if event["event"] == "test")
    assert len({uuid.UUID(event["uuid"]) for event in events}) == len(events)
    assert session.status == Status(sent=len(events), waiting=0, lost=0, error="")
    assert (test.__name__, test.__doc__) == ("test", "Compare.")


def test_code_is_sent_only_if_the_course_asks() -> None:
    """And then no more than 500 characters of it, and the student is told."""
    with capture_server() as server:
        session = setup_telemetry("lists", host=server.url, api_key="k", student="Ada Lovelace", send_code=True)
        session.cell("long", "x" * 600)
        assert session.flush(60)

    assert properties(server.events[1]) == {"cell_id": "long", "cell_num": 1, "code": "x" * 500}


def test_a_test_may_be_a_coroutine() -> None:
    """It is timed and judged when it ends."""
    with capture_server() as server:
        session = setup_telemetry("lists", host=server.url, api_key="k", student="Ada Lovelace")

        @session.tracked_test("later")
        async def test() -> int:
            return 3

        running = test()
        with pytest.raises(StopIteration) as ended:
            running.send(None)
        assert session.flush(60)

    assert ended.value.value == 3
    assert properties(server.events[1]) == {"ex": "later", "ok": True, "try": 1, "error_type": None}


def test_the_environment_may_say_where_and_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `up` on the same machine, or on a course's own Jupyter server."""
    with capture_server() as server:
        monkeypatch.setenv(bootstrap.HOST_VARIABLE, server.url)
        monkeypatch.setenv(bootstrap.KEY_VARIABLE, "k2")
        monkeypatch.setenv(bootstrap.STUDENT_VARIABLE, "ADA-LOVELACE")
        assert setup_telemetry("lists").flush(60)

    assert server.bodies[0]["api_key"] == "k2"
    assert server.events[0]["distinct_id"] == "ADA-LOVELACE"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"api_key": "k", "student": "Ada Lovelace"}, "named no address"),
        ({"host": "course.example", "api_key": "k", "student": "Ada Lovelace"}, "named no address"),
        ({"host": "http://127.0.0.1:1", "student": "Ada Lovelace"}, "given no key"),
        ({"host": "http://127.0.0.1:1", "api_key": "k"}, "Nobody could be asked"),
    ],
)
def test_a_notebook_that_cannot_send_works_and_says_so(
    arguments: dict[str, str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name is there and does its work, and nothing is sent."""
    monkeypatch.setattr("sys.stdin", None)
    session = setup_telemetry("lists", **arguments)  # type: ignore[arg-type]
    session.cell("one")
    session.capture("own", {"a": 1})

    assert session.tracked_test("x")(lambda: 5)() == 5
    assert session.flush(0)
    assert session.status == Status(0, 0, 0, "nothing is sent from this notebook")
    assert said in capsys.readouterr().out


def test_a_machine_without_threads_is_no_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a browser's Python."""

    def refuse(_: object) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr("threading.Thread.start", refuse)
    setup_telemetry("lists", host="http://127.0.0.1:1", api_key="k", student="Ada Lovelace").cell("one")

    assert "cannot send in the background" in capsys.readouterr().out


def test_a_bad_name_stops_the_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else: the student is told to run the cell again."""
    answers = iter(["J", "Doe"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))

    with pytest.raises(ValueError, match=r"too short\. Run this cell again"):
        setup_telemetry("lists", host="http://127.0.0.1:1", api_key="k")


@pytest.mark.parametrize(("language", "words"), [("en", "Your course sees"), ("es", "Tu curso ve")])
def test_the_student_is_told_what_is_sent_and_where(
    language: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one text, in the student's language; the key is not in it."""
    host = f"http://127.0.0.1:{free_port()}"
    setup_telemetry("lists", host=host, api_key="secret-key", student="Ada Lovelace", language=language)

    said = capsys.readouterr().out
    assert words in said
    assert host in said
    assert "secret-key" not in said


@pytest.mark.parametrize("value", [{"a": {1, 2}}, {"a": float("nan")}, {1: 2}, [1], "text", {"a": "x" * 10**6}])
def test_no_property_breaks_a_cell(value: Any) -> None:
    """Whatever a notebook's author passes."""
    with capture_server() as server:
        session = setup_telemetry("lists", host=server.url, api_key="k", student="Ada Lovelace")
        session.capture("own", value)
        session.capture("last")
        assert session.flush(60)

    assert server.events[-1]["event"] == "last"


@pytest.mark.usefixtures("unhurried")
def test_setting_up_again_begins_a_new_session() -> None:
    """What the first one had left still arrives, and attempts are counted anew."""
    with capture_server() as server:
        for _ in range(2):
            session = setup_telemetry("lists", host=server.url, api_key="k", student="Ada Lovelace")
            session.tracked_test("x")(lambda: None)()
        leave()

    by_session: dict[str, list[Any]] = {}
    for event in server.events:
        by_session.setdefault(event["properties"]["sess"], []).append((event["event"], event["properties"].get("try")))
    assert list(by_session.values()) == [[("start", None), ("test", 1)]] * 2


@pytest.mark.usefixtures("unhurried")
def test_leaving_gives_what_waits_its_last_chance() -> None:
    """More than one batch, without a pause between them."""
    with capture_server() as server:
        session = setup_telemetry("lists", host=server.url, api_key="k", student="Ada Lovelace")
        for number in range(250):
            session.cell(str(number))
        leave()

    assert len(server.events) == 251


def test_leaving_has_one_bound_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many senders wait for gateways that hang, a notebook's end is less than a second later."""
    clock = [0.0]
    waits: list[float] = []

    class Hanging:
        def close(self, timeout: float) -> bool:
            waits.append(timeout)
            clock[0] += timeout * 0.75
            return False

    monkeypatch.setattr("learnpack_notebook_telemetry.leaving.time.monotonic", lambda: clock[0])
    for _ in range(5):
        look_after(Hanging())  # type: ignore[arg-type]
    leave()

    assert len(waits) == 5
    assert clock[0] <= EXIT_SECONDS < 1


def test_a_session_shows_nothing_in_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that ends with the set-up has no output but the texts."""
    Session("lists", "", None)._ipython_display_()

    assert capsys.readouterr() == ("", "")


def test_the_package_needs_nothing_but_python() -> None:
    """It imports itself and the standard library, so that installing it changes nothing else; as old as 3.10."""
    for path in PACKAGE.glob("*.py"):
        tree = parsed(path.read_text(), (3, 10))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        assert foreign <= {"learnpack_notebook_telemetry"}, path
        assert len(path.read_text().splitlines()) <= 300
