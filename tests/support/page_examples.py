"""Commands of a page with what they print: each is run as it stands, and its output compared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.commands import as_environment
from tests.support.http_directory import secret
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.blocks import Block
    from tests.support.http_system import HttpSystem

__all__ = ["run_examples"]


def _fits(expected: Any, found: Any) -> bool:
    """Whether an answer is what the page shows, `…` being anything."""
    if expected == "…":
        return found is not None
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(_fits(value, found[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_fits, expected, found))
    return bool(expected == found)


def run_examples(examples: Sequence[Block], system: HttpSystem, directory: Path) -> None:
    """Run the blocks in their order as staff of academy 1, and fail at the first that prints something else.

    What only reads is asked again until processing has come so far.
    """
    environment = {
        **os.environ,
        **as_environment(system.settings),
        "TELEMETRY_TOKEN": secret("staff"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for block in examples:
        printed = ""

        def as_shown(block: Block = block) -> bool:
            nonlocal printed
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                cwd=directory,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            printed = done.stdout
            if block.kind == "json":
                return _fits(json.loads(block.output), json.loads(printed))
            return printed.strip() == block.output.strip()

        reads = not re.search(r"--data|-X |directory load", block.text)
        try:
            if reads:
                eventually(as_shown)
            else:
                assert as_shown()
        except AssertionError as error:
            error.add_note(f"{block.text}\nprinted {printed}\ninstead of {block.output}")
            raise
