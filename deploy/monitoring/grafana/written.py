"""The dashboards as the files that Grafana loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.monitoring.grafana import learning, pipeline, quality, service

__all__ = ["FOLDER", "written"]

FOLDER: Final = Path(__file__).parent / "dashboards"


def written() -> dict[str, str]:
    """The text of each file by its name."""
    boards = {module.NAME: module.dashboard() for module in (service, pipeline, quality, learning)}
    return {
        f"{name}.json": json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, board in boards.items()
    }
