"""Tells a course how its students get on in a notebook; setting it up is all that a notebook needs to do."""

from __future__ import annotations

from learnpack_notebook_telemetry.bootstrap import setup_telemetry
from learnpack_notebook_telemetry.notebook_cells import (
    TELEMETRY_PACKAGE_NAME,
    TELEMETRY_PACKAGE_SPEC,
    get_telemetry_setup_cell,
)
from learnpack_notebook_telemetry.sender import Status
from learnpack_notebook_telemetry.session import Session
from learnpack_notebook_telemetry.version import __version__

__all__ = [
    "TELEMETRY_PACKAGE_NAME",
    "TELEMETRY_PACKAGE_SPEC",
    "Session",
    "Status",
    "__version__",
    "get_telemetry_setup_cell",
    "setup_telemetry",
]
