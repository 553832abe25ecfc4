"""Background tasks have owners: who may start one, and where."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.sources import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
STARTERS: Final = {"create_task", "ensure_future", "Thread"}

# Who starts one without broker.watched awaits its end in the same function. The thread of traces, which may lose
# what it has, takes every error for itself.
AWAITED: Final = {
    "broker/clients.py": 2,
    "broker/span_queue.py": 1,
    "broker/watched.py": 1,
    "gateway/asked.py": 1,
    "gateway/in_time.py": 1,
    "gateway/insights/event_stream.py": 1,
    "gateway/server.py": 1,
    "sinks/forward/group.py": 2,
}


def started(path: Path) -> Iterator[str]:
    """Every call in a file that starts something in the background."""
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in STARTERS:
                yield f"{path}:{node.lineno} {name}"


@pytest.mark.parametrize("package", ["broker", "gateway", "sinks"])
def test_background_tasks_are_watched(package: str) -> None:
    """A task is started through broker.watched, so that it begins again or its failure is heard of."""
    for path in sorted((ROOT / package).rglob("*.py")):
        found = list(started(path))
        assert len(found) <= AWAITED.get(str(path.relative_to(ROOT)), 0), found
