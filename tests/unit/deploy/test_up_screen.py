"""What `up` shows where nobody looks at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.cli.up_screen import UpScreen
from deploy.run.listening import Kind, Notice
from schemas.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

INFO = "2026-04-15T10:40:00Z [info     ] sink is ready"
WARNING = "2026-04-15T10:40:00Z [warning  ] an insert waits"


@pytest.mark.parametrize("verbose", [False, True])
async def test_a_file_has_pages_and_grave_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], *, verbose: bool
) -> None:
    """And all lines with -v; no panel in either case, nor a command to a terminal."""
    with UpScreen(["sink"], tmp_path, verbose=verbose) as screen:
        screen.told(Notice(Kind.READY, "sink", "sink is ready after 1.0 s"))
        for line in (INFO, WARNING):
            screen.wrote("sink", line)
        screen.doing("something that only a panel shows")
        screen.show(["a page [bold]as it is"])
        await screen.follow(Settings())
        screen.say("Stopped.")

    shown = capfd.readouterr()
    assert shown.out == "a page [bold]as it is\n"
    lines = [INFO, WARNING] if verbose else [WARNING]
    assert shown.err.splitlines() == [
        "supervisor │ sink is ready after 1.0 s",
        *(f"      sink │ {line}" for line in lines),
        "Stopped.",
    ]
