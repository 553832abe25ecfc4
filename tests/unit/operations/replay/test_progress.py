"""What the bars of a replay show."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress

from operations.replay.progress import advance_to


def test_a_partition_without_webhooks_is_done() -> None:
    """There is nothing to wait for in it."""
    progress = Progress(console=Console(file=io.StringIO()))
    empty, begun = (progress.add_task("partition") for _ in range(2))
    advance_to(progress, empty, 0, 0)
    advance_to(progress, begun, 1, 4)

    assert [(task.finished, task.percentage) for task in progress.tasks] == [(True, 100), (False, 25)]
