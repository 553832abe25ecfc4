"""The colours of parts."""

from __future__ import annotations

import asyncio
import io
import os

from rich.console import Console

from deploy.run.lines import AllLines
from deploy.run.supervisor import Part, Supervisor

REDS = ("[31m", "[91m", "[1;31m", "[1;91m")


async def test_no_part_that_works_is_red() -> None:
    """However many parts there are, what they write is never red: that is for faults."""
    screen = io.StringIO()
    command = ["sh", "-c", "echo well; exec sleep 60"]
    parts = [Part(f"part-{number}", command, os.environ) for number in range(1, 11)]
    console = Console(file=screen, force_terminal=True, color_system="standard", width=200)
    supervisor = Supervisor(parts, AllLines(console))

    def told() -> list[str]:
        return [line for line in screen.getvalue().splitlines() if "well" in line]

    async def then() -> None:
        async with asyncio.timeout(30):
            while len(told()) < len(parts):  # noqa: ASYNC110 - other processes write it
                await asyncio.sleep(0.01)
        supervisor.stop()

    await supervisor.run(then)

    assert [line for line in told() if any(red in line for red in REDS)] == []
