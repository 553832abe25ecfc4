"""Code of cells for whoever generates notebooks."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["TELEMETRY_PACKAGE_NAME", "TELEMETRY_PACKAGE_SPEC", "get_telemetry_setup_cell"]

TELEMETRY_PACKAGE_NAME: Final = os.environ.get("TELEMETRY_PACKAGE_NAME") or "learnpack-notebook-telemetry"
TELEMETRY_PACKAGE_SPEC: Final = os.environ.get("TELEMETRY_PACKAGE_SPEC") or TELEMETRY_PACKAGE_NAME

# Where the package cannot be had, the names that cells call do nothing, so that the notebook runs all the same.
_CELL = """\
#@title Your name / Tu nombre
try:
    from {module}.bootstrap import setup_telemetry
except ImportError:
    import importlib, subprocess, sys
    _pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "5", {spec}]
    subprocess.run(_pip, capture_output=True)
    importlib.invalidate_caches()
    try:
        from {module}.bootstrap import setup_telemetry
    except ImportError:
        def setup_telemetry(*args, **kwargs):
            print("{name} could not be installed: nothing is sent from this notebook.")
        STUDENT_NAME = ""
        _cell = _telemetry_capture = lambda *args, **kwargs: None
        tracked_test = lambda name: lambda function: function

setup_telemetry({arguments})
"""


def get_telemetry_setup_cell(
    notebook_id: str,
    *,
    host: str | None = None,
    api_key: str | None = None,
    language: str | None = None,
    send_code: bool = False,
) -> str:
    """The code of a notebook's first cell: installs the package where it is missing, and calls `setup_telemetry`.

    The environment variables TELEMETRY_PACKAGE_NAME (the distribution, whose module has underscores for hyphens) and
    TELEMETRY_PACKAGE_SPEC (what pip installs: a name, an address of a wheel, `git+https://…`) of the machine that
    generates the notebook say what is installed. The other arguments are `setup_telemetry`'s.
    """
    given = {"host": host, "api_key": api_key, "language": language, "send_code": send_code}
    arguments = [repr(notebook_id), *(f"{name}={value!r}" for name, value in given.items() if value)]
    return _CELL.format(
        module=TELEMETRY_PACKAGE_NAME.replace("-", "_"),
        name=TELEMETRY_PACKAGE_NAME,
        spec=repr(TELEMETRY_PACKAGE_SPEC),
        arguments=", ".join(arguments),
    )
