"""Writes every dashboard's JSON: `uv run python -m deploy.monitoring.grafana`."""

from __future__ import annotations

from deploy.monitoring.grafana.written import FOLDER, written

for name, text in written().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
