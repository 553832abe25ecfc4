"""Code of cells for whoever generates notebooks."""

from __future__ import annotations

import os
import sys
import warnings
from textwrap import indent
from typing import TYPE_CHECKING, Final

from learnpack_notebook_telemetry.source import installed_from

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TELEMETRY_PACKAGE_NAME", "TELEMETRY_PACKAGE_SPEC", "get_telemetry_setup_cell", "main"]

TELEMETRY_PACKAGE_NAME: Final = os.environ.get("TELEMETRY_PACKAGE_NAME") or "ipynb-telemetry"
TELEMETRY_PACKAGE_SPEC: Final = os.environ.get("TELEMETRY_PACKAGE_SPEC") or installed_from().wheel

_NO_SPEC: Final = (
    "nothing says where students' machines get the package from, so the cell does not install it: set"
    " TELEMETRY_PACKAGE_SPEC to the address that `learnpack-telemetry notebook` prints, or install the package from it"
)
_BARE: Final = (
    "TELEMETRY_PACKAGE_SPEC is {spec!r}, a name that on students' machines may be somebody else's package: give an"
    " address with its hash, as `learnpack-telemetry notebook` prints it"
)

_STEP: Final = "    "
_IMPORT: Final = "from {module}.bootstrap import setup_telemetry\n"
# Where the package cannot be had, the names that cells call do nothing, so that the notebook runs all the same.
_WITHOUT: Final = """\
def setup_telemetry(*args, **kwargs):
    print("{name} {why}: nothing is sent from this notebook.")
STUDENT_NAME = ""
_cell = _telemetry_capture = lambda *args, **kwargs: None
tracked_test = lambda name: lambda function: function
"""
_INSTALL: Final = """\
import importlib, subprocess, sys
_pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "5", {spec!r}]
try:
    subprocess.run(_pip, capture_output=True, timeout=60)
except subprocess.TimeoutExpired:
    pass
importlib.invalidate_caches()
"""


def get_telemetry_setup_cell(
    notebook_id: str,
    host: str | None = None,
    api_key: str | None = None,
    *,
    language: str | None = None,
    send_code: bool = False,
) -> str:
    """The code of a notebook's first cell: installs the package where it is missing, and calls `setup_telemetry`.

    What is installed is the wheel from which this package was installed, where that came from a gateway; then the cell
    needs no address and no key. TELEMETRY_PACKAGE_SPEC of the machine that generates names another address, and
    TELEMETRY_PACKAGE_NAME the package to import, with hyphens for underscores. The other arguments are
    `setup_telemetry`'s.

    Raises:
        ValueError: TELEMETRY_PACKAGE_SPEC is a bare name, which an index could give to anybody.
    """
    if TELEMETRY_PACKAGE_SPEC and "/" not in TELEMETRY_PACKAGE_SPEC:
        raise ValueError(_BARE.format(spec=TELEMETRY_PACKAGE_SPEC))
    if not TELEMETRY_PACKAGE_SPEC:
        warnings.warn(_NO_SPEC, stacklevel=2)
    given = {"host": host, "api_key": api_key, "language": language, "send_code": send_code}
    arguments = [repr(notebook_id), *(f"{name}={value!r}" for name, value in given.items() if value)]
    return f"#@title Your name / Tu nombre\n{_had()}\nsetup_telemetry({', '.join(arguments)})\n"


def _had() -> str:
    """Code that imports the package, installs it where that fails and may help, and else does without it."""
    imported = _IMPORT.format(module=TELEMETRY_PACKAGE_NAME.replace("-", "_"))
    why = "could not be installed" if TELEMETRY_PACKAGE_SPEC else "is not installed"
    without = _WITHOUT.format(name=TELEMETRY_PACKAGE_NAME, why=why)
    if not TELEMETRY_PACKAGE_SPEC:
        return _or_else(imported, without)
    return _or_else(imported, _INSTALL.format(spec=TELEMETRY_PACKAGE_SPEC) + _or_else(imported, without))


def _or_else(imported: str, otherwise: str) -> str:
    return f"try:\n{indent(imported, _STEP)}except ImportError:\n{indent(otherwise, _STEP)}"


def main(arguments: Sequence[str]) -> int:
    """Print the first cell of the notebook that is named; the exit code, 2 where none is."""
    if len(arguments) != 1:
        sys.stderr.write("say which notebook: python -m ipynb_telemetry.notebook_cells NOTEBOOK\n")
        return 2
    sys.stdout.write(get_telemetry_setup_cell(arguments[0]))
    return 0
