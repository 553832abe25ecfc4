"""How far a replay has come: a bar in all and one for each partition, with offsets/s and the time that is left."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from rich.progress import ProgressColumn, TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from operations.bars import bars

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task, TaskID

    from operations.generations.offsets import Offsets
    from schemas.wire.topics import Topics

__all__ = ["advance_to", "catch_up"]

# As close as one gets to a live generation that goes on: about what it commits between two looks. If it stands, the
# target comes all the way in this time.
_CLOSE: Final = 1_000
_CLOSE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.25


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} offsets/s" if task.speed else "", style="progress.download")


def advance_to(progress: Progress, bar: TaskID, done: float, total: float) -> None:
    """Show `done` of `total`; where there is nothing to do, it is done."""
    progress.update(bar, completed=done if total else 1, total=total or 1)


async def catch_up(offsets: Offsets, live: Topics, target: Topics, console: Console) -> None:
    """Show how the target follows the live generation, and return when it is close behind.

    What is shown are shares of offsets and no numbers of webhooks: some offsets hold none, but a command, or the end of
    a transaction in a log that was copied.
    """
    figures = TaskProgressColumn, _Rate, TimeElapsedColumn, TimeRemainingColumn
    first = await offsets.begins(target)
    close_since: float | None = None
    with bars(console, *figures, speed_estimate_period=10) as progress:
        whole = progress.add_task("webhooks")
        partitions = {number: progress.add_task(f"partition {number}") for number in first} if len(first) > 1 else {}
        while True:
            goal, done = await offsets.worked(live), await offsets.worked(target)
            behind = {number: max(0, goal[number] - done[number]) for number in done}
            gone = {number: done[number] - first[number] for number in done}
            for number, bar in partitions.items():
                advance_to(progress, bar, gone[number], gone[number] + behind[number])
            advance_to(progress, whole, sum(gone.values()), sum(gone.values()) + sum(behind.values()))
            now = time.monotonic()
            close_since = None if sum(behind.values()) > _CLOSE else close_since or now
            if not any(behind.values()) or (close_since is not None and now - close_since > _CLOSE_SECONDS):
                return
            await asyncio.sleep(_POLL_SECONDS)
