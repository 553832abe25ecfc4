"""A student's computer: a Python environment of its own with the notebooks' package from its wheel, and Jupyter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from deploy.notebook_wheel import PROJECT, build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["EXAMPLE", "UNTIL_SENT", "Computer", "Conversation", "outputs", "until_sent"]

EXAMPLE: Final = PROJECT / "example.ipynb"

# Python's end waits for less than a second, in which a busy machine sends little.
UNTIL_SENT: Final = "from learnpack_notebook_telemetry import leaving\nleaving.EXIT_SECONDS = 60\nleaving.leave()"

_CELL_SECONDS: Final = 120
_KERNEL: Final = "student"
_NO_INDEX: Final = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@dataclass(frozen=True, slots=True)
class Computer:
    """An environment with the package and a kernel in it, below `home`."""

    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "venv" / "bin" / "python"

    @classmethod
    def set_up(cls, home: Path) -> Computer:
        """Build the wheel and install it with pip, without a network, into a new environment."""
        computer = cls(home)
        _run(sys.executable, "-m", "venv", home / "venv")
        (home / "wheel").mkdir()
        computer.pip("install", str(build(home / "wheel")))
        # The kernel comes from here: a path in a .pth file brings what is installed there, but no editable packages.
        (site,) = (home / "venv").glob("lib/python*/site-packages")
        (site / "kernel.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        kernel = home / "jupyter" / "kernels" / _KERNEL
        kernel.mkdir(parents=True)
        command = [str(computer.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        specification = {"argv": command, "display_name": _KERNEL, "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(specification), encoding="utf-8")
        return computer

    def pip(self, *words: str) -> None:
        """Let its pip do something, with no index to look into."""
        _run(self.python, "-m", "pip", "--quiet", *words, environment=_NO_INDEX)

    def run(self, code: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script with the environment's interpreter."""
        return subprocess.run(
            [self.python, "-c", code],
            env={"PATH": "", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_CELL_SECONDS,
        )

    def execute(self, notebook: nbformat.NotebookNode, environment: Mapping[str, str]) -> nbformat.NotebookNode:
        """Run a notebook from top to bottom and end its kernel; a copy with the outputs.

        Raises nbclient.exceptions.CellExecutionError if a cell raises that is not tagged `raises-exception`.
        """
        executed = nbformat.from_dict(notebook)
        with mock.patch.dict("os.environ", self._jupyter(environment)):
            NotebookClient(executed, kernel_name=_KERNEL, timeout=_CELL_SECONDS).execute(cwd=str(self.home))
        return executed

    def type_in(self, code: str, answers: Sequence[str], environment: Mapping[str, str]) -> Conversation:
        """Run a cell as Jupyter does while somebody sits before it and gives these answers to what it asks."""
        asked: list[str] = []
        shown: list[str] = []

        def output(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text") or content.get("evalue") or "")

        with mock.patch.dict("os.environ", self._jupyter(environment)):
            manager, client = start_new_kernel(kernel_name=_KERNEL, startup_timeout=_CELL_SECONDS)
            try:

                def answer(message: dict[str, Any]) -> None:
                    asked.append(message["content"]["prompt"])
                    client.input(answers[len(asked) - 1])

                client.execute_interactive(
                    code, allow_stdin=True, stdin_hook=answer, output_hook=output, timeout=_CELL_SECONDS
                )
            finally:
                client.stop_channels()
                manager.shutdown_kernel()
        return Conversation(asked, "".join(shown))

    def _jupyter(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {
            "JUPYTER_PATH": str(self.home / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            **environment,
        }


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a cell asked, and all that it showed."""

    asked: list[str]
    shown: str


def until_sent(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with a last cell that shows nothing and ends when all that waits is sent."""
    longer = nbformat.from_dict(notebook)
    longer.cells.append(nbformat.v4.new_code_cell(UNTIL_SENT))
    return longer


def outputs(executed: nbformat.NotebookNode) -> list[Any]:
    """What each code cell shows: texts and errors with their tracebacks.

    What a stream was given in pieces is one text: where it is cut is up to the kernel's clock.
    """
    return [_joined(cell.outputs) for cell in executed.cells if cell.cell_type == "code"]


def _joined(shown: list[Any]) -> list[Any]:
    whole: list[Any] = []
    for output in shown:
        if whole and output["output_type"] == "stream" and whole[-1].get("name") == output["name"]:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(dict(output, execution_count=None))
    return whole


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
