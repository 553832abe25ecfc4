"""The fenced blocks of the pages that someone may copy: a test runs each of them, or it says why none does.

A comment that a reader does not see stands before the fence:

    <!-- run by tests/system/test_up.py::test_the_readme_is_true -->
    <!-- not run: it takes a machine of your own -->

or, once for all blocks of a language that have none of their own, anywhere on the page:

    <!-- sql blocks: run by tests/system/test_sink_questions.py::test_the_page_shows_what_the_demo_gives -->
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGES", "ROOT", "Block", "blocks", "run_by"]

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("clients/*/*.md"), *ROOT.glob("bench/*.md")]
)
RUNNABLE: Final = ("bash", "python", "sh", "sql")

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```\n"
    r"(?:\n? *```(?P<kind>json|text)\n(?P<output>.*?)^ *```$)?",
    re.DOTALL | re.MULTILINE,
)
_OWN: Final = re.compile(r"<!-- (run by|not run:) (.+?) -->\s*\Z", re.DOTALL)
_COMMON: Final = re.compile(r"^<!-- (\w+) blocks: (run by|not run:) (.+?) -->$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block, unindented, with the test that runs it or the reason why none does; neither where it is mute.

    `output` is the block of text or JSON right below it, `kind` which of them.
    """

    page: str
    line: int
    language: str
    text: str
    test: str = ""
    reason: str = ""
    kind: str = ""
    output: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in languages that can be run, in order."""
    text = page.read_text("utf-8")
    common = {language: (kind, what) for language, kind, what in _COMMON.findall(text)}
    end = 0
    for found in _FENCE.finditer(text):
        before, end = text[end : found.start()], found.end()
        if (language := found["language"]) not in RUNNABLE:
            continue
        own = _OWN.search(before)
        kind, what = (own[1], own[2]) if own else common.get(language, ("", ""))
        what = " ".join(what.split())
        yield Block(
            str(page.relative_to(ROOT)),
            text.count("\n", 0, found.start()) + 1,
            language,
            textwrap.dedent(found["text"]),
            test=what if kind == "run by" else "",
            reason=what if kind == "not run:" else "",
            kind=found["kind"] or "",
            output=textwrap.dedent(found["output"] or ""),
        )


def run_by(test: str) -> list[Block]:
    """The blocks of all pages that name a test, as `tests/path.py::name`; raises LookupError if none does."""
    found = [block for page in PAGES for block in blocks(page) if block.test == test]
    if not found:
        message = f"no page says that {test} runs a block"
        raise LookupError(message)
    return found
