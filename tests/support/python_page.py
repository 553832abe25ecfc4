"""The Python of a page, run from its first block to its last in one process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.blocks import Block

__all__ = ["printed_by"]

# No output has it.
_BETWEEN: Final = "\x1e"


def printed_by(blocks: Sequence[Block], environment: Mapping[str, str], database: str) -> list[str]:
    """What each block prints, unindented as blocks are; `database` stands in for the page's "telemetry"."""
    between = f"\nprint(end={_BETWEEN!r})\n"
    script = between.join(block.text.replace('"telemetry"', f'"{database}"') for block in blocks)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [textwrap.dedent(printed) for printed in done.stdout.split(_BETWEEN)]
