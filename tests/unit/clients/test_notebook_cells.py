"""The first cell that is generated: what it installs, from where, and what it calls."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import ipynb_telemetry.bootstrap
import ipynb_telemetry.notebook_cells
import pytest
from learnpack_notebook_telemetry import bootstrap, get_telemetry_setup_cell, notebook_cells
from learnpack_notebook_telemetry.leaving import leave

from tests.support.capture import capture_server
from tests.support.sources import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "https://telemetry.example/notebook/learnpack_notebook_telemetry-9.9.9-py3-none-any.whl?token=k#sha256=00ff"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that generates notebooks, with the address of a wheel; senders are gone afterwards."""
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_SPEC", WHEEL)
    yield
    leave()


def words(cell: str) -> list[Any]:
    """The words that the cell gives to pip."""
    (found,) = [
        node.value.elts[1:]
        for node in ast.walk(parsed(cell))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
    ]
    return [ast.literal_eval(word) for word in found]


def test_it_installs_from_the_address_and_calls() -> None:
    """With the course's address and key in it, as literals that no quote can leave."""
    cell = get_telemetry_setup_cell("D3_'\"Datetimes", host="http://h", api_key="k'1", language="es", send_code=True)
    call = parsed(cell).body[-1]

    assert words(cell)[-1] == WHEEL
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert ast.literal_eval(call.value.args[0]) == "D3_'\"Datetimes"
    assert {word.arg: ast.literal_eval(word.value) for word in call.value.keywords} == {
        "host": "http://h",
        "api_key": "k'1",
        "language": "es",
        "send_code": True,
    }


@pytest.mark.usefixtures("unhurried")
def test_it_sets_up() -> None:
    """Executed, it offers the names, without address and key where the environment has them."""
    with capture_server() as server:
        code = get_telemetry_setup_cell("lists")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(bootstrap.HOST_VARIABLE, server.url)
            patch.setenv(bootstrap.KEY_VARIABLE, "k")
            patch.setenv(bootstrap.STUDENT_VARIABLE, "Ada Lovelace")
            exec(code, {})  # noqa: S102 - that is what a notebook does with it
        leave()

    assert "setup_telemetry('lists')" in code
    assert [event["event"] for event in server.events] == ["start"]


def test_an_installation_that_does_not_end_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The notebook runs without the package."""
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_NAME", "no-such-package-of-telemetry")
    code = get_telemetry_setup_cell("lists").replace('"-m", "pip"', '"-c", "import time; time.sleep(600)"')
    exec(code.replace("timeout=60", "timeout=0.2"), {})  # noqa: S102 - that is what a notebook does with it

    assert "could not be installed: nothing is sent" in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["ipynb-telemetry", "learnpack-notebook-telemetry==0.2.0"])
def test_a_bare_name_is_refused(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a student's machine it may be anybody's package."""
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_SPEC", spec)

    with pytest.raises(ValueError, match="give an address with its hash"):
        get_telemetry_setup_cell("lists")


def test_without_an_address_it_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works where the package is there already, and whoever generates it is told."""
    monkeypatch.setattr(notebook_cells, "TELEMETRY_PACKAGE_SPEC", "")

    with pytest.warns(UserWarning, match="set TELEMETRY_PACKAGE_SPEC"):
        cell = get_telemetry_setup_cell("lists")

    assert "pip" not in cell
    assert len(parsed(cell).body) == 2


def test_the_name_that_courses_know_is_the_same_package() -> None:
    """The import paths of notebooks that exist, and of what generates them."""
    assert ipynb_telemetry.bootstrap.setup_telemetry is bootstrap.setup_telemetry
    assert ipynb_telemetry.notebook_cells.get_telemetry_setup_cell is get_telemetry_setup_cell
    assert "from ipynb_telemetry.bootstrap import setup_telemetry" in get_telemetry_setup_cell("lists")


def test_the_environment_names_package_and_address() -> None:
    """By the two variables that notebooks' generators have set before."""
    environment = {"TELEMETRY_PACKAGE_NAME": "my-telemetry", "TELEMETRY_PACKAGE_SPEC": WHEEL}
    done = subprocess.run(
        [sys.executable, "-m", "ipynb_telemetry.notebook_cells", "D3_Datetimes"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "from my_telemetry.bootstrap import setup_telemetry" in done.stdout
    assert words(done.stdout)[-1] == WHEEL
    assert "setup_telemetry('D3_Datetimes')" in done.stdout


def test_the_command_wants_a_notebook() -> None:
    """Anything else is wrong usage."""
    done = subprocess.run(
        [sys.executable, "-m", "ipynb_telemetry.notebook_cells"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("say which notebook")
