"""Writes the chart's files that are made from code: `uv run python -m deploy.helm`."""

from __future__ import annotations

from deploy.helm.written import FOLDER, written

for name, text in written().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
