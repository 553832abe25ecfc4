"""What a reader may copy from a page: every block is run by a test, or says why not, and its commands are commands."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.blocks import PAGES, ROOT, Block, blocks
from tests.support.command_lines import PROGRAM, left_over
from tests.support.sources import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY: Final = [block for page in PAGES for block in blocks(page)]


def test_every_block_is_run_or_says_why_not() -> None:
    """A comment before it, or one for all blocks of its language on the page, names a test or a reason."""
    assert len(EVERY) > 40
    assert [str(block) for block in EVERY if not (block.test or block.reason)] == []


@pytest.mark.parametrize("test", sorted({block.test for block in EVERY if block.test}))
def test_a_test_that_runs_blocks_asks_for_them(test: str) -> None:
    """It exists, and its file takes the blocks from the pages by its name."""
    path, _, name = test.partition("::")
    source = (ROOT / path).read_text("utf-8")

    assert name in {getattr(node, "name", "") for node in parsed(source).body}
    assert f'run_by("{test}")' in source


@pytest.mark.parametrize(
    "path", sorted({path for block in EVERY for path in re.findall(r"tests/[\w/.]+", block.reason)})
)
def test_a_reason_names_what_is_there(path: str) -> None:
    """What a reason calls a test in its place exists."""
    assert (ROOT / path.rstrip(".")).exists()


def commands() -> Iterator[tuple[Block, str]]:
    """The lines of shell blocks that begin with our command, continued lines joined."""
    for block in EVERY:
        if block.language in ("bash", "sh"):
            for line in block.text.replace("\\\n", " ").splitlines():
                bare = line.strip().removeprefix("uv run ")
                if bare.startswith(f"{PROGRAM} "):
                    yield block, bare


@pytest.mark.parametrize(("block", "line"), [pytest.param(*one, id=f"{one[0]} {one[1]}") for one in commands()])
def test_a_command_line_is_understood(block: Block, line: str) -> None:
    """Its commands, options and arguments are those of the command line, of the right number and kind."""
    assert PROGRAM in block.text
    assert left_over(shlex.split(line, comments=True)[1:]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_hides_in_an_indented_block(page: Path) -> None:
    """Such a block would escape the tests above."""
    text = page.read_text("utf-8")

    assert re.findall(rf"^    (?:{PROGRAM}|uv|curl|set -a)\b.*", text, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_with_commands_says_how_a_terminal_knows_them(page: Path) -> None:
    """In a checkout `learnpack-telemetry` is no command before the environment is activated."""
    named = any(line.startswith(PROGRAM) for block, line in commands() if ROOT / block.page == page)
    text = page.read_text("utf-8")

    assert not named or ". .venv/bin/activate" in text or "uv run learnpack-telemetry" in text
