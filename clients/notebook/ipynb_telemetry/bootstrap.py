"""`from ipynb_telemetry.bootstrap import setup_telemetry`, as it stands in notebooks' first cells."""

from __future__ import annotations

from learnpack_notebook_telemetry.bootstrap import setup_telemetry

__all__ = ["setup_telemetry"]
