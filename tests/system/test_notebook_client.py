"""The notebooks' package on a student's computer, whatever the gateway does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import nbformat
import pytest
from learnpack_notebook_telemetry import notebook_cells

from deploy.local.resources import free_port
from tests.support.capture import ACCEPTED, CaptureServer, Reply, capture_server
from tests.support.student_computer import EXAMPLE, UNTIL_SENT, Computer, outputs, until_sent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

GATEWAYS: Final = {
    "down": None,
    "slow": Reply(hang=True),
    "answers 500": Reply(500, b"Internal Server Error"),
    "refuses the key": Reply(401),
    "is a public network's log-in page": Reply(body=b"<html>Sign in"),
}

# What would show any noise there is: everything that is logged or warned of, a cell that fails, one that ends with a
# value.
NOISY: Final = (
    "import logging, warnings\nlogging.basicConfig(level=logging.DEBUG, force=True)\nwarnings.simplefilter('always')",
    "_cell('noise', 'a = 1')\nfor number in range(2_000):\n    _telemetry_capture('flood', {'number': number})",
    "@tracked_test('noise')\ndef test_noise(value):\n    assert value == 1\n    return value\n",
    "test_noise(1)",
    "test_noise(2)",
    "STUDENT_NAME",
)

ENDING: Final = """
import atexit, threading, time
# Registered first, called last.
atexit.register(lambda: print("the sender is still in its call:", threading.active_count() > 1))
atexit.register(lambda: print(f"the end took {time.monotonic() - began:.3f} s"))
from learnpack_notebook_telemetry import setup_telemetry
session = setup_telemetry("lists", student="Ada Lovelace")
for number in range(300):
    session.cell(str(number))
began = time.monotonic()
"""


@pytest.fixture(scope="module")
def computer(tmp_path_factory: pytest.TempPathFactory) -> Computer:
    """A student's computer with the package from its wheel."""
    return Computer.set_up(tmp_path_factory.mktemp("student"))


@contextlib.contextmanager
def gateway(reply: Reply | None) -> Iterator[tuple[str, CaptureServer | None]]:
    """An address where `reply` is the answer to everything, or nobody answers."""
    if reply is None:
        yield f"http://127.0.0.1:{free_port()}", None
        return
    with capture_server([reply]) as server:
        yield server.url, server


def environment(url: str) -> dict[str, str]:
    """Where and who, for the package."""
    return {
        "TELEMETRY_GATEWAY_URL": url,
        "TELEMETRY_TOKEN": "a-key",
        "STUDENT_NAME": "Ada Lovelace",
        "LC_ALL": "C.UTF-8",
    }


def noisy_notebook() -> nbformat.NotebookNode:
    """The example with cells that would show any noise."""
    notebook = nbformat.read(EXAMPLE, as_version=4)
    for position, source in enumerate(NOISY):
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]})
        notebook.cells.insert(3 + position, cell)
    return notebook


def shown(computer: Computer, url: str, notebook: nbformat.NotebookNode | None = None) -> list[Any]:
    """What the noisy notebook shows, or another one, with the gateway's address named alike."""
    found = outputs(computer.execute(notebook or noisy_notebook(), environment(url)))
    for cell in found:
        for output in cell:
            if "text" in output:
                output["text"] = output["text"].replace(url, "GATEWAY")
    return found


@pytest.fixture(scope="module")
def shown_when_all_is_well(computer: Computer) -> list[Any]:
    """What the noisy notebook shows where the gateway takes everything."""
    with capture_server() as server:
        *found, last = shown(computer, server.url, until_sent(noisy_notebook()))
    assert last == []
    assert {"start", "cell", "test", "flood", "feedback"} <= {event["event"] for event in server.events}
    return found


def test_the_notebook_shows_what_it_should(shown_when_all_is_well: list[Any]) -> None:
    """The texts for the student, the results, and the error of the failing test; nothing on standard error."""
    kinds = [[output["output_type"] for output in cell] for cell in shown_when_all_is_well]
    first = shown_when_all_is_well[0][0]["text"]
    failure = next(output for cell in shown_when_all_is_well for output in cell if output["output_type"] == "error")

    assert kinds == [["stream"], [], [], [], ["execute_result"], ["error"], ["execute_result"], [], ["stream"], [],
                     ["stream"], [], ["stream"], ["stream"]]  # fmt: skip
    assert first.startswith("Welcome, ADA-LOVELACE!\nYour course sees how you get on:")
    assert failure["ename"] == "AssertionError"
    assert "learnpack_notebook_telemetry" not in "".join(failure["traceback"])


@pytest.mark.parametrize("condition", GATEWAYS)
def test_a_notebook_is_the_same_whatever_the_gateway_does(
    condition: str, computer: Computer, shown_when_all_is_well: list[Any]
) -> None:
    """Nothing that it prints, shows or raises differs."""
    with gateway(GATEWAYS[condition]) as (url, server):
        found = shown(computer, url)

    assert found == shown_when_all_is_well
    assert server is None or server.bodies


@pytest.mark.parametrize("condition", GATEWAYS)
def test_ending_does_not_wait_for_the_gateway(condition: str, computer: Computer) -> None:
    """Python ends without an error; where a call hangs, while it still hangs."""
    with gateway(GATEWAYS[condition]) as (url, _):
        ended = computer.run(ENDING, environment(url))

    assert (ended.returncode, ended.stderr) == (0, "")
    if condition == "slow":
        assert ended.stdout.splitlines()[-1] == "the sender is still in its call: True"


def test_all_that_waits_at_the_end_arrives(computer: Computer) -> None:
    """Where the gateway answers, a script may end right after its last event."""
    with capture_server([ACCEPTED]) as server:
        # How long the end may take is for those to whom nobody answers.
        patient = "from learnpack_notebook_telemetry import leaving\nleaving.EXIT_SECONDS = 60"
        ended = computer.run(f"{patient}\n{ENDING}", environment(server.url))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [event["event"] for event in server.events] == ["start", *["cell"] * 300]


def test_the_package_is_the_wheels(computer: Computer) -> None:
    """The one that is tested here is installed, typed, and alone."""
    look = "import learnpack_notebook_telemetry as p; print(p.__file__)"
    found = computer.run(look, {}).stdout.strip()

    assert found.startswith(str(computer.home))
    assert (computer.home / found).with_name("py.typed").exists()


SET_UP: Final = "from learnpack_notebook_telemetry.bootstrap import setup_telemetry\nsetup_telemetry('lists')"


def test_a_student_is_asked_in_jupyter(computer: Computer) -> None:
    """First name, last name, and then the welcome; what is typed is who the events are of."""
    with capture_server() as server:
        cell = f"{SET_UP}\n{UNTIL_SENT}"
        conversation = computer.type_in(cell, [" ada", "Lovelace "], environment(server.url) | {"STUDENT_NAME": ""})

    assert [question.split()[0] for question in conversation.asked] == ["First", "Last"]
    assert conversation.shown.startswith("Welcome, ADA-LOVELACE!\n")
    assert [event["distinct_id"] for event in server.events] == ["ADA-LOVELACE"]


def test_a_student_may_try_a_bad_name_again(computer: Computer) -> None:
    """The error says what to do, and nothing is sent."""
    with capture_server() as server:
        conversation = computer.type_in(SET_UP, ["4da", "Lovelace"], environment(server.url) | {"STUDENT_NAME": ""})

    assert "Letters only, please. Run this cell again." in conversation.shown
    assert server.events == []


def test_a_program_that_runs_a_notebook_sends_nothing(computer: Computer) -> None:
    """It has no name to give, and the notebook runs all the same."""
    with capture_server() as server:
        executed = computer.execute(noisy_notebook(), environment(server.url) | {"STUDENT_NAME": ""})

    found = outputs(executed)
    assert found[0][0]["text"] == "Nobody could be asked for a name: nothing is sent from this notebook.\n"
    assert found[-1][0]["text"] == "Thank you, .\n"
    assert server.events == []


def test_the_set_up_cell_does_without_the_package(
    computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not installed and cannot be, every name is there and the notebook goes on."""
    notebook = noisy_notebook()
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_NAME", "learnpack-absent")
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_SPEC", str(tmp_path / "absent.whl"))
    notebook.cells[1].source = notebook_cells.get_telemetry_setup_cell("lists")

    found = outputs(computer.execute(notebook, environment("http://127.0.0.1:1")))

    assert found[0][0]["text"].endswith("could not be installed: nothing is sent from this notebook.\n")
    assert found[-1][0]["text"] == "Thank you, .\n"
